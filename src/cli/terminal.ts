import { visibleJson } from '../platform/visible.ts'
import { type Colors, colors, wantsColor, withStyles } from './render/ansi.ts'
import { clean } from './render/clean.ts'

/**
 * Text as a terminal may have it: styles of our own, and nothing else that a terminal obeys but line feeds and tabs. All
 * that this program writes passes here, wherever it came from.
 */
export const forTerminal = (text: string): string => withStyles(text, clean)

/** To stdout: what was asked for. */
export const print = (text: string) => write(`${text}\n`)
export const write = (text: string) => void process.stdout.write(forTerminal(text))

/** A JSON value on one line, with everything escaped that a terminal would obey. */
export const jsonLine = (value: unknown): string => `${visibleJson(JSON.stringify(value))}\n`
export const printJson = (value: unknown) => write(jsonLine(value))

/** To stderr: what people should know, and programs that read stdout should not. */
export const note = (text: string) => writeError(`${text}\n`)
export const writeError = (text: string) => void process.stderr.write(forTerminal(text))

/** The same in place of the line that stderr is at. */
export const noteInPlace = (text: string) => void process.stderr.write(`\r\x1b[K${forTerminal(text)}`)

export const stdoutColors = (): Colors => colors(wantsColor(process.env, process.stdout.isTTY === true))

export const stderrColors = (): Colors => colors(wantsColor(process.env, process.stderr.isTTY === true))

/** Of a screen that says 0, as some do that do not know: a row that it breaks itself may begin with anything. */
const UNKNOWN_COLUMNS = 80

/** Columns of the screen that stdout is, if it is one. */
export const stdoutWidth = (): number | undefined =>
  process.stdout.isTTY ? process.stdout.columns || UNKNOWN_COLUMNS : undefined
export const stderrWidth = (): number | undefined =>
  process.stderr.isTTY ? process.stderr.columns || UNKNOWN_COLUMNS : undefined

/** Rows of that screen. */
export const stdoutRows = (): number | undefined => (process.stdout.isTTY && process.stdout.rows) || undefined

/** Whether somebody is there to be asked. */
export const isInteractive = () => process.stdin.isTTY === true && process.stdout.isTTY === true

let reader: 'needed' | 'optional' = 'needed'

/** For commands that serve others: they go on when nobody reads what they print. */
export const serveWithoutReader = () => {
  reader = 'optional'
}

/** Whether the command is over when nobody reads what it prints. */
export const endsWithReader = () => reader === 'needed'
