/**
 * Returns the first `max` UTF-16 units of a text as a copy of its own, whatever its length: V8 keeps all of a text in
 * memory as long as any part of it that `slice`, `trim` or a pattern has found. Half of a character becomes U+FFFD.
 */
export function cut(text: string, max: number): string {
  const head = new TextEncoder().encode(text.slice(0, max))
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(head)
}

/** Cuts a text to at most `max` characters, the last of which then is an ellipsis. Returns a copy as `cut` does. */
export const shorten = (text: string, max: number) =>
  text.length > max ? `${cut(text, max - 1)}…` : cut(text, max)
