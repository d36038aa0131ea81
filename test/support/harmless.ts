import assert from 'node:assert/strict'

/** Styles that this program gives its own text. */
export const STYLE = /\x1b\[(?:1|2|3|22|23|31|32|33|34|36|39)m/g
/** Characters that a terminal obeys, or that change the direction of text. */
export const OBEYED = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/

/** Asserts that a terminal would obey no character of a text. @param what names the text */
export function harmless(text: string, what: string) {
  const [found] = OBEYED.exec(text.replace(STYLE, '')) ?? []
  const at = found === undefined ? -1 : text.replace(STYLE, '').indexOf(found)
  assert.equal(
    found,
    undefined,
    `${what}: ${JSON.stringify(text.replace(STYLE, '').slice(Math.max(0, at - 80), at + 20))}`,
  )
}

/** Asserts that every line is JSON, and that no character in the text needs further escaping. */
export function harmlessJson(text: string, what: string) {
  harmless(text.replaceAll('\t', '\x00'), what)
  for (const line of text.trimEnd().split('\n').filter(Boolean)) JSON.parse(line)
}
