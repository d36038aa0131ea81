/**
 * Returns a copy of the first `max` UTF-16 units of a text. A copy is necessary because a substring from
 * `slice`, `trim`, or a regular expression would keep the whole text in V8's memory. If the copy ends within
 * a character, the half character becomes U+FFFD.
 */
export function cut(text: string, max: number): string {
  const head = new TextEncoder().encode(text.slice(0, max))
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(head)
}

/**
 * Returns a copy of a text, cut to at most `max` characters. If the text was cut, the copy ends with an
 * ellipsis.
 */
export const shorten = (text: string, max: number) =>
  text.length > max ? `${cut(text, max - 1)}…` : cut(text, max)
