import { type Colors, colors, wantsColor } from './render/ansi.ts'

/** To stdout: what was asked for. */
export const print = (text: string) => write(`${text}\n`)
export const write = (text: string) => void process.stdout.write(text)

/** One JSON value on a line of its own. */
export const printJson = (value: unknown) => print(JSON.stringify(value))

/** To stderr: what people should know, and programs that read stdout should not. */
export const note = (text: string) => void process.stderr.write(`${text}\n`)

export const stdoutColors = (): Colors => colors(wantsColor(process.env, process.stdout.isTTY === true))

/** Columns of the screen that stdout is, if it is one. Some terminals say 0 for what they do not know. */
export const stdoutWidth = (): number | undefined =>
  (process.stdout.isTTY && process.stdout.columns) || undefined

/** Whether somebody is there to be asked. */
export const isInteractive = () => process.stdin.isTTY === true && process.stdout.isTTY === true

let reader: 'needed' | 'optional' = 'needed'

/** For commands that serve others: they go on when nobody reads what they print. */
export const serveWithoutReader = () => {
  reader = 'optional'
}

/** Whether the command is over when nobody reads what it prints. */
export const endsWithReader = () => reader === 'needed'
