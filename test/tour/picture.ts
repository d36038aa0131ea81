import { type Piece, pieces, wrapped } from './styled.ts'

/** Size of a character cell, and space around the text, in pixels. */
const CELL = { width: 8.4, height: 19 }
const MARGIN = 18

/** The picture has its own background, so that it looks the same on a light and on a dark page. */
export const BACKGROUND = '#161b22'
export const COLORS = {
  text: '#e6edf3',
  dim: '#9198a1',
  red: '#ff7b72',
  green: '#56d364',
  yellow: '#e3b341',
  blue: '#79c0ff',
  cyan: '#56d4dd',
}

const toXml = (text: string) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;')
const fromXml = (text: string) => text.replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&amp;/g, '&')

/**
 * Returns a picture of a terminal as SVG.
 * @param screens outputs with color sequences; the first line of each output is its command, after `$ `
 * @param title text for people who cannot see the picture
 */
export function picture(screens: string[], { title, columns }: { title: string; columns: number }): string {
  const lines = pieces(
    screens.map((screen) => screen.replace(/^\$ (.*)/, '\x1b[0;2m$ \x1b[0;1m$1\x1b[0m')).join('\n\n'),
  ).flatMap((line) => wrapped(line, columns))
  const width = Math.ceil(columns * CELL.width + 2 * MARGIN)
  const height = lines.length * CELL.height + 2 * MARGIN
  const rules = Object.entries(COLORS).map(([name, color]) => `.${name}{fill:${color}}`)
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<title>${toXml(title)}</title>
<style>
text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;white-space:pre;fill:${COLORS.text}}
.bold{font-weight:bold}${rules.join('')}
</style>
<rect width="${width}" height="${height}" rx="8" fill="${BACKGROUND}"/>
${lines.map(drawn).join('\n')}
</svg>
`
}

/** Returns a line of the picture. Each piece begins in its own cell, so that columns stay aligned in any font. */
function drawn(line: Piece[], row: number): string {
  const y = MARGIN + (row + 0.75) * CELL.height
  let column = 0
  const texts = line.map(({ text, style }) => {
    const x = (MARGIN + column * CELL.width).toFixed(1)
    const length = ([...text].length * CELL.width).toFixed(1)
    column += [...text].length
    const names = style.length > 0 ? ` class="${style.join(' ')}"` : ''
    return `<text x="${x}" y="${y}" textLength="${length}" xml:space="preserve"${names}>${toXml(text)}</text>`
  })
  return `<g>${texts.join('')}</g>`
}

/** Returns the lines of text in a picture. */
export const textOf = (svg: string): string[] =>
  [...svg.matchAll(/^<g>(.*)<\/g>$/gm)].map(([, line]) => fromXml(line!.replace(/<[^>]*>/g, '')))
