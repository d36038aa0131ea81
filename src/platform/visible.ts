/** What a terminal would obey instead of showing, line feeds included, and marks that turn the direction of text around. */
const UNSAFE = /[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu

/** Text from elsewhere on one line: what is unsafe in it is written as JSON can write it. */
export const visible = (text: string): string =>
  text.replace(UNSAFE, (char) => {
    const escaped = JSON.stringify(char).slice(1, -1)
    return escaped === char ? `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}` : escaped
  })
