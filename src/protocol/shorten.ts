/** Cuts a text to at most `max` characters, the last of which then is an ellipsis. */
export const shorten = (text: string, max: number) =>
  text.length > max ? `${text.slice(0, max - 1)}…` : text
