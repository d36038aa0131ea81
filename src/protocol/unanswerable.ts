import type { PermissionRequest, Question } from './permission.ts'

/** Name that parsed JSON objects cannot have, in this program and in the agent. */
const NO_NAME = '__proto__'

/**
 * Returns the reason why answers to a request could be misunderstood, so that it can only be refused; undefined if there
 * is none. An answer refers to a question by its text, to a form's field by its name, and to an option by its label.
 */
export function unanswerable({ questions = [], form }: PermissionRequest): string | undefined {
  const isFilledIn = form !== undefined && form.fields.length > 0
  const names = isFilledIn ? form.fields.map(({ name }) => name) : questions.map(({ question }) => question)
  if (names.includes(NO_NAME))
    return `It has a question or field called ${NO_NAME}, which an answer cannot contain.`
  if (new Set(names).size < names.length)
    return 'Several of its questions have the same text, and share one answer.'
  // The options of a field are identified by their values.
  if (!isFilledIn && questions.some(isAmbiguous))
    return 'Several options of a question have the same text, alone or joined with others.'
  return undefined
}

/** Reports whether two choices of options read the same. Several chosen options are joined by `, `. */
function isAmbiguous({ options, multi_select }: Question): boolean {
  const labels = options.map(({ label }) => label.trim())
  if (!multi_select) return new Set(labels).size < labels.length
  // If no text is a prefix of another, a joined text can be split in one way only.
  const texts = labels.map((label) => `${label}, `).sort()
  return texts.some((text, index) => index > 0 && text.startsWith(texts[index - 1]!))
}
