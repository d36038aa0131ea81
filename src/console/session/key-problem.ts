/** Returns why a text cannot be a user key; undefined if it can be one. */
export function keyProblem(text: string): string | undefined {
  if (text === '') return 'Enter a user key.'
  if (text.startsWith('fmk_'))
    return 'This is the key of a machine. Enter a user key, which begins with fuk_.'
  if (text.startsWith('fet_')) return 'This is an enrollment token for a machine. Enter a user key.'
  if (!/^[\x21-\x7e]{1,200}$/.test(text))
    return 'A user key has no spaces, and is shorter than 200 characters.'
  return undefined
}
