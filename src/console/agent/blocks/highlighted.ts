/** A piece of highlighted code. */
export interface Piece {
  /** Names of the piece's kinds, such as `hljs-string`; empty for plain text. */
  look: string
  text: string
}

const TAG = /<span class="([\w\- ]*)">|<\/span>/g
const CHARACTERS: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#x27': "'" }

/**
 * Reads the output of highlight.js, which consists of text, `span` elements with a class, and references to
 * five characters.
 * @returns undefined if the output contains anything else
 */
export function piecesOf(html: string): Piece[] | undefined {
  const pieces: Piece[] = []
  const looks: string[] = []
  let from = 0
  const addText = (to: number) => {
    const raw = html.slice(from, to)
    if (/[<>]/.test(raw)) return false
    const text = raw.replace(/&(amp|lt|gt|quot|#x27);/g, (_, name: string) => CHARACTERS[name]!)
    if (text !== '') pieces.push({ look: looks.at(-1) ?? '', text })
    return true
  }
  for (const { 0: tag, 1: look, index } of html.matchAll(TAG)) {
    if (!addText(index)) return undefined
    from = index + tag.length
    if (look !== undefined) looks.push(look)
    else if (looks.pop() === undefined) return undefined
  }
  return addText(html.length) && looks.length === 0 ? pieces : undefined
}
