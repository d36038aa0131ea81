import Anser from 'anser'

/** A part of a program's output in one style. */
export interface Styled {
  /** Names of the part's classes. */
  look: string
  text: string
}

/** Sequences other than colors: moves of the cursor, titles, and links. */
const OTHER_SEQUENCES = /\x1b(?:\[[0-?]*[ -/]*[@-ln-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][0-9A-B]|[=>78])/g
/** Maximum number of parts. More are shown without styles. */
const MOST_PARTS = 5000

/** Colors of terminals by their names, as far as the page has them. */
const HUES: Readonly<Record<string, string>> = {
  red: 'red',
  green: 'green',
  yellow: 'yellow',
  blue: 'blue',
  magenta: 'magenta',
  cyan: 'cyan',
}
const DECORATIONS = new Set(['bold', 'dim', 'italic', 'underline', 'strikethrough'])

/**
 * Returns a program's output as a terminal would show it: in colors, and without parts of lines that were
 * written over, such as the steps of a progress bar. Hidden text is shown.
 */
export function styledOutput(output: string): Styled[] {
  const text = lastWritten(output.replace(OTHER_SEQUENCES, ''))
  if (!text.includes('\x1b[')) return text === '' ? [] : [{ look: '', text }]
  const parts = Anser.ansiToJson(text, { json: true, use_classes: true, remove_empty: true })
  const styled = parts.slice(0, MOST_PARTS).map((part) => ({ look: lookOf(part), text: part.content }))
  const rest = parts
    .slice(MOST_PARTS)
    .map(({ content }) => content)
    .join('')
  return rest === '' ? styled : [...styled, { look: '', text: rest }]
}

const lastWritten = (text: string): string =>
  text.includes('\r')
    ? text
        .replace(/\r+\n/g, '\n')
        .split('\n')
        .map((line) => line.replace(/\r+$/, '').split('\r').at(-1)!)
        .join('\n')
    : text

function lookOf({ fg, fg_truecolor, decorations }: Anser.AnserJsonEntry): string {
  const looks = decorations.flatMap((name) => (DECORATIONS.has(name) ? [`ansi-${name}`] : []))
  const hue = fg === 'ansi-truecolor' ? hueOf(fg_truecolor.split(',').map(Number)) : hueNamed(fg)
  if (hue !== undefined) looks.push(`ansi-${hue}`)
  return looks.join(' ')
}

function hueNamed(fg: string | null): string | undefined {
  const palette = /^ansi-palette-(\d+)$/.exec(fg ?? '')?.[1]
  if (palette !== undefined) {
    // Numbers from 16 to 231 name colors in a cube with six steps on each side.
    const at = Number(palette) - 16
    return at >= 0 && at < 216 ? hueOf([Math.floor(at / 36), Math.floor(at / 6) % 6, at % 6]) : undefined
  }
  return HUES[(fg ?? '').replace(/^ansi-(bright-)?/, '')]
}

/** Returns the color of the page that is nearest to a color; undefined for shades of gray. */
function hueOf([red = 0, green = 0, blue = 0]: number[]): string | undefined {
  const [most, least] = [Math.max(red, green, blue), Math.min(red, green, blue)]
  if (most - least < most / 4) return undefined
  const middle = (most + least) / 2
  const high = [red > middle, green > middle, blue > middle].map(Number).join('')
  const byChannels: Readonly<Record<string, string>> = {
    '100': 'red',
    '010': 'green',
    '001': 'blue',
    '110': 'yellow',
    '101': 'magenta',
    '011': 'cyan',
  }
  return byChannels[high]
}
