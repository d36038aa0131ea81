import { visibleJson } from '../platform/visible-text.ts'
import { type Colors, colors, wantsColor, withStyles } from './render/ansi.ts'
import { clean } from './render/clean.ts'

/**
 * Makes text safe for a terminal: keeps this program's styles, line feeds, and tabs, and escapes every
 * other control character. All output of this program passes through here.
 */
export const forTerminal = (text: string): string => withStyles(text, clean)

/** Prints a result on stdout. */
export const print = (text: string) => write(`${text}\n`)
export const write = (text: string) => void process.stdout.write(forTerminal(text))

/** Returns a JSON value on one line, with all control characters escaped. */
export const jsonLine = (value: unknown): string => `${visibleJson(JSON.stringify(value))}\n`
export const printJson = (value: unknown) => write(jsonLine(value))

/** Prints a note for people. Notes go to stderr, because stdout is for results. */
export const note = (text: string) => writeError(`${text}\n`)
export const writeError = (text: string) => void process.stderr.write(forTerminal(text))

/** Replaces the current line on stderr. */
export const noteInPlace = (text: string) => void process.stderr.write(`\r\x1b[K${forTerminal(text)}`)

/** Reports whether output on stdout has colors. */
export const hasStdoutColors = () => wantsColor(process.env, process.stdout.isTTY === true)

export const stdoutColors = (): Colors => colors(hasStdoutColors())

export const stderrColors = (): Colors => colors(wantsColor(process.env, process.stderr.isTTY === true))

/**
 * Assumed width of a terminal that reports 0 columns. A width is needed because this program must wrap the
 * text: the terminal could wrap it anywhere.
 */
const UNKNOWN_COLUMNS = 80

/** Returns the width of the terminal in columns, or undefined if stdout is not a terminal. */
export const stdoutWidth = (): number | undefined =>
  process.stdout.isTTY ? process.stdout.columns || UNKNOWN_COLUMNS : undefined
export const stderrWidth = (): number | undefined =>
  process.stderr.isTTY ? process.stderr.columns || UNKNOWN_COLUMNS : undefined

/** Returns the height of the terminal in rows. */
export const stdoutRows = (): number | undefined => (process.stdout.isTTY && process.stdout.rows) || undefined

/** Reports whether a person can answer questions. */
export const isInteractive = () => process.stdin.isTTY === true && process.stdout.isTTY === true

let reader: 'needed' | 'optional' = 'needed'

/**
 * Keeps the program running after the reader of its output has ended. Commands that are servers need this.
 */
export const serveWithoutReader = () => {
  reader = 'optional'
}

/** Reports whether the program must end when the reader of its output has ended. */
export const endsWithReader = () => reader === 'needed'
