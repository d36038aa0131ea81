import type { PermissionRequest, Question } from './permission.ts'

/** What no JSON object has for a name once it was read, at either end of the way to the agent. */
const NO_NAME = '__proto__'

/**
 * Returns why answers to a request could mean something else than what was chosen, so that it can only be refused;
 * undefined where they cannot. Answers go by the texts of the questions, or the names of a form's fields, and name options
 * by their labels.
 */
export function unanswerable({ questions = [], form }: PermissionRequest): string | undefined {
  const isFilledIn = form !== undefined && form.fields.length > 0
  const names = isFilledIn ? form.fields.map(({ name }) => name) : questions.map(({ question }) => question)
  if (names.includes(NO_NAME))
    return `It asks for something under the name ${NO_NAME}, which no answer can have.`
  if (new Set(names).size < names.length)
    return 'Several of its questions are the same text, and take one answer.'
  // The options of a field go by their values.
  if (!isFilledIn && questions.some(isAmbiguous))
    return 'Several options of a question are the same text, by themselves or joined with others.'
  return undefined
}

/** Whether some choice of options reads like another one. Several that are chosen are joined by `, `. */
function isAmbiguous({ options, multi_select }: Question): boolean {
  const labels = options.map(({ label }) => label.trim())
  if (!multi_select) return new Set(labels).size < labels.length
  // Where no text begins another one, what is joined can be taken apart in one way only.
  const texts = labels.map((label) => `${label}, `).sort()
  return texts.some((text, index) => index > 0 && text.startsWith(texts[index - 1]!))
}
