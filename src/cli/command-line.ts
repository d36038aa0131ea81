import { shellWord } from '../platform/shell-word.ts'
import { invokedAs } from './program-name.ts'

/** Maximum length of a command line to repeat, in characters. A longer line is abbreviated. */
const LINE_CHARS = 200

/** Returns the command line that runs this program with these arguments. */
export const commandLineFor = (args: string[]) => [invokedAs(), ...args.map(shellWord)].join(' ')

/** Returns the current command line, with `--state-dir` added. @param argv arguments of the program */
export function currentLineWith(stateDir: string, argv = process.argv.slice(2)): string {
  const named = argv.filter(
    (arg, index) =>
      !/^--(state-dir|key)(=|$)/.test(arg) && !/^--(state-dir|key)$/.test(argv[index - 1] ?? ''),
  )
  const flags = ['--state-dir', stateDir]
  const line = commandLineFor([...named, ...flags])
  if (line.length <= LINE_CHARS && !line.includes('\n')) return line
  const command = named.slice(
    0,
    named.findIndex((arg) => arg.startsWith('-')),
  )
  return commandLineFor([...command.slice(0, 2), '…', ...flags])
}
