import type { PermissionRequest, Question } from './permission.ts'

/** Name that fields of parsed JSON objects cannot have, in this program and in the agent. */
const NO_NAME = '__proto__'

/**
 * Returns the reason why answers to a request could be misunderstood; undefined if there is none. If there is
 * a reason, the request can only be refused. An answer refers to a question by its text, to a form's field by
 * its name, and to an option by its label.
 */
export function unanswerable({ questions = [], form }: PermissionRequest): string | undefined {
  const isFilledIn = form !== undefined && form.fields.length > 0
  const names = isFilledIn ? form.fields.map(({ name }) => name) : questions.map(({ question }) => question)
  if (names.includes(NO_NAME))
    return `The request has a question or field called ${NO_NAME}, which an answer cannot contain.`
  if (new Set(names).size < names.length)
    return 'Several questions of the request have the same text, so they would share one answer.'
  // The options of a field are identified by their values.
  if (!isFilledIn && questions.some(isAmbiguous))
    return 'Several options of a question have the same text, alone or joined with other options.'
  return undefined
}

/**
 * Reports whether two different choices of options give the same text. Several chosen options are joined by
 * `, `.
 */
function isAmbiguous({ options, multi_select }: Question): boolean {
  const labels = options.map(({ label }) => label.trim())
  if (!multi_select) return new Set(labels).size < labels.length
  // If no option's text is a prefix of another option's text, a joined text can be split in only one way.
  const texts = labels.map((label) => `${label}, `).sort()
  return texts.some((text, index) => index > 0 && text.startsWith(texts[index - 1]!))
}
