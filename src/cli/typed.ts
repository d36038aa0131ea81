import { shellWord } from '../platform/shell-word.ts'
import { invokedAs } from './invoked.ts'

/** A line that is longer is not typed again. */
const LINE_CHARS = 200

/** The line that runs this program with these arguments. */
export const lineFor = (args: string[]) => [invokedAs(), ...args.map(shellWord)].join(' ')

/** The line that was typed, for the daemon of a state folder. @param argv behind the program */
export function typedFor(stateDir: string, argv = process.argv.slice(2)): string {
  const named = argv.filter(
    (arg, index) =>
      !/^--(state-dir|key)(=|$)/.test(arg) && !/^--(state-dir|key)$/.test(argv[index - 1] ?? ''),
  )
  const flags = ['--state-dir', stateDir]
  const line = lineFor([...named, ...flags])
  if (line.length <= LINE_CHARS && !line.includes('\n')) return line
  const command = named.slice(
    0,
    named.findIndex((arg) => arg.startsWith('-')),
  )
  return lineFor([...command.slice(0, 2), '…', ...flags])
}
