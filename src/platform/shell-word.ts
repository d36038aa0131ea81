/** Returns text as one word for any interactive shell, including fish and zsh, quoted if necessary. */
export const shellWord = (text: string): string =>
  /^[\w./:@%+,-][\w./:@%+,=-]*$/.test(text) ? text : `'${text.replace(/'/g, "'\\''")}'`
