/**
 * Returns a copy of the first `max` UTF-16 units of a text. V8 keeps a whole text in memory as long as any part of it
 * from `slice`, `trim`, or a pattern exists. Half of a character becomes U+FFFD.
 */
export function cut(text: string, max: number): string {
  const head = new TextEncoder().encode(text.slice(0, max))
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(head)
}

/** Returns a copy of a text, cut to at most `max` characters; a cut text ends with an ellipsis. */
export const shorten = (text: string, max: number) =>
  text.length > max ? `${cut(text, max - 1)}…` : cut(text, max)
