/** Color of each escape sequence that the program writes. */
const CODES: Record<number, string> = {
  31: 'red',
  32: 'green',
  33: 'yellow',
  34: 'blue',
  36: 'cyan',
}

/** Text in one style. */
export interface Piece {
  text: string
  /** `bold`, `dim`, or the name of a color. */
  style: string[]
}

/** Returns the styled pieces of each line of a screen with color sequences. */
export function pieces(screen: string): Piece[][] {
  const lines: Piece[][] = [[]]
  let bold = false
  let dim = false
  let color: string | undefined
  for (const [at, part] of screen.split(/\x1b\[([\d;]*)m/).entries()) {
    if (at % 2 === 1) {
      for (const code of part.split(';').map(Number)) {
        if (code === 0) [bold, dim, color] = [false, false, undefined]
        else if (code === 1) bold = true
        else if (code === 2) dim = true
        else if (code === 22) [bold, dim] = [false, false]
        else if (code === 39 || CODES[code]) color = CODES[code]
      }
      continue
    }
    const style = [bold && 'bold', color ?? (dim && 'dim')].filter((name) => typeof name === 'string')
    for (const [line, text] of part.split('\n').entries()) {
      if (line > 0) lines.push([])
      if (text !== '') lines.at(-1)!.push({ text, style })
    }
  }
  return lines
}

/** Breaks a line as a terminal does. */
export function wrapped(line: Piece[], columns: number): Piece[][] {
  const rows: Piece[][] = [[]]
  let used = 0
  for (const { text, style } of line)
    for (let rest = text; rest !== ''; ) {
      if (used === columns) {
        rows.push([])
        used = 0
      }
      const fits = rest.slice(0, columns - used)
      rows.at(-1)!.push({ text: fits, style })
      used += fits.length
      rest = rest.slice(fits.length)
    }
  return rows
}
