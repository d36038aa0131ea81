import { randomBytes } from 'node:crypto'

type Style = (text: string) => string

export interface Colors {
  bold: Style
  dim: Style
  italic: Style
  red: Style
  green: Style
  yellow: Style
  blue: Style
  cyan: Style
}

const CODES: Record<keyof Colors, [number, number]> = {
  bold: [1, 22],
  dim: [2, 22],
  italic: [3, 23],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  blue: [34, 39],
  cyan: [36, 39],
}

interface Marks {
  /** Prefix that marks a style in text that is not written yet. */
  prefix: string
  /** Splits text at its styles and captures their codes. */
  styles: RegExp
}

let made: Marks | undefined

/**
 * Returns the marks of styles. Unlike a real escape sequence, the prefix is random. Foreign text therefore
 * cannot contain it, and the writer can distinguish this program's styles from other styles.
 */
function marks(): Marks {
  const prefix = made?.prefix ?? `\x1b${randomBytes(8).toString('hex')}`
  made ??= { prefix, styles: new RegExp(`${prefix}\\[(\\d+)m`) }
  return made
}

/** Converts the styles in a text to escape sequences, and applies `plain` to the text between them. */
export function withStyles(text: string, plain: (part: string) => string): string {
  // Without marks, no text has styles.
  if (!made) return plain(text)
  return text
    .split(made.styles)
    .map((part, at) => (at % 2 === 0 ? plain(part) : `\x1b[${part}m`))
    .join('')
}

/**
 * Returns styles for text written through `terminal.ts`. Without `enabled`, the styles leave the text
 * unchanged.
 */
export function colors(enabled: boolean): Colors {
  const style =
    ([open, close]: [number, number]): Style =>
    (text) => {
      if (!enabled || text === '') return text
      const { prefix } = marks()
      return `${prefix}[${open}m${text}${prefix}[${close}m`
    }
  const { bold, dim, italic, red, green, yellow, blue, cyan } = CODES
  return {
    bold: style(bold),
    dim: style(dim),
    italic: style(italic),
    red: style(red),
    green: style(green),
    yellow: style(yellow),
    blue: style(blue),
    cyan: style(cyan),
  }
}

/** Reports whether to use colors: `NO_COLOR` and `FORCE_COLOR` decide, or else the terminal. */
export function wantsColor(env: NodeJS.ProcessEnv, isTty: boolean): boolean {
  if (env.FORCE_COLOR !== undefined) return env.FORCE_COLOR !== '0' && env.FORCE_COLOR !== 'false'
  if (env.NO_COLOR) return false
  return isTty && env.TERM !== 'dumb'
}
