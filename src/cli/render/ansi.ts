import { randomBytes } from 'node:crypto'

type Style = (text: string) => string

export interface Colors {
  bold: Style
  dim: Style
  red: Style
  green: Style
  yellow: Style
  blue: Style
  cyan: Style
}

const CODES: Record<keyof Colors, [number, number]> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  blue: [34, 39],
  cyan: [36, 39],
}

/**
 * How a style begins until it is written: unlike a real sequence, no text from elsewhere can have it, so that whoever
 * writes can tell the two apart.
 */
const MARK = `\x1b${randomBytes(8).toString('hex')}`

/** Splits text at its styles, with the code of each in between. */
const STYLES = new RegExp(`${MARK}\\[(\\d+)m`)

/** Turns the styles in a text into those of a terminal, and whatever is between them into what `plain` makes of it. */
export const withStyles = (text: string, plain: (part: string) => string): string =>
  text
    .split(STYLES)
    .map((part, at) => (at % 2 === 0 ? plain(part) : `\x1b[${part}m`))
    .join('')

/** Styles for a text that goes to the terminal by way of `terminal.ts`, or ones that do nothing. */
export function colors(enabled: boolean): Colors {
  const style =
    ([open, close]: [number, number]): Style =>
    (text) =>
      enabled && text !== '' ? `${MARK}[${open}m${text}${MARK}[${close}m` : text
  const { bold, dim, red, green, yellow, blue, cyan } = CODES
  return {
    bold: style(bold),
    dim: style(dim),
    red: style(red),
    green: style(green),
    yellow: style(yellow),
    blue: style(blue),
    cyan: style(cyan),
  }
}

/** `NO_COLOR` and `FORCE_COLOR` as is the custom, else whether it is a terminal that knows colours. */
export function wantsColor(env: NodeJS.ProcessEnv, isTty: boolean): boolean {
  if (env.FORCE_COLOR !== undefined) return env.FORCE_COLOR !== '0' && env.FORCE_COLOR !== 'false'
  if (env.NO_COLOR) return false
  return isTty && env.TERM !== 'dumb'
}
