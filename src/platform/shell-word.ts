/** Text as one word of any shell that people type into, fish and zsh included: in quotes where it needs them. */
export const shellWord = (text: string): string =>
  /^[\w./:@%+,-][\w./:@%+,=-]*$/.test(text) ? text : `'${text.replace(/'/g, "'\\''")}'`
