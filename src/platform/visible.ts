/**
 * What a terminal would obey instead of showing, line feeds and tabs included; and what makes text look like other text:
 * marks that turn its direction around, and separators of lines that only some programs know.
 */
export const UNSAFE = /[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

const escaped = (char: string) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`

/** Text from elsewhere on one line: what is unsafe in it is written as JSON can write it. */
export const visible = (text: string): string =>
  text.replace(UNSAFE, (char) => {
    const short = JSON.stringify(char).slice(1, -1)
    return short === char ? escaped(char) : short
  })

/** What JSON lets stand in its strings unescaped, of all that is unsafe. */
const UNSAFE_IN_JSON = /[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

/** The same JSON, with everything unsafe in it escaped. */
export const visibleJson = (json: string): string => json.replace(UNSAFE_IN_JSON, escaped)
