/** Shortens a text to at most `max` characters, ending in an ellipsis. */
export const shorten = (text: string, max: number) =>
  text.length > max ? `${text.slice(0, max - 1)}…` : text
