import { type Command, CommanderError } from 'commander'
import { program } from '../../src/cli/program.ts'

export interface Written {
  line: string
  /** True if the command is mentioned in a sentence, which may leave out arguments. */
  mentioned: boolean
}

/**
 * Returns the command lines of this program in a text. A command line follows a shell prompt, or is in an
 * `sh` code block or in backquotes.
 */
export function commandLines(text: string): Written[] {
  const joined = text.replace(/ \\\n\s+/g, ' ')
  const prompted = [...joined.matchAll(/^ *\$ (.*\bfomular-daemon\b.*)$/gm)].map(([, line]) => line!)
  const scripts = [...joined.matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap(([, script]) =>
    script!.split('\n'),
  )
  const prose = joined.replace(/^```[\s\S]*?^```/gm, '')
  return [
    ...[...prompted, ...scripts.filter((line) => /^(sudo )?fomular-daemon /.test(line))].map((line) => ({
      line,
      mentioned: false,
    })),
    ...[...prose.matchAll(/`((?:sudo )?fomular-daemon [^`]+)`/g)].map(([, line]) => ({
      line: line!,
      mentioned: true,
    })),
  ]
}

const WORD = /(?:"[^"]*"|'[^']*'|[^\s"'])+/g

/**
 * Returns the program's error for a command line with an unknown command, flag, value, or argument.
 * @returns undefined for a valid command line
 */
export async function faultOf({ line, mentioned }: Written): Promise<string | undefined> {
  for (const part of line.split(/ (?:\||&&) /)) {
    const at = part.search(/(?:^|[ /])fomular-daemon(?: |$)/)
    if (at === -1) continue
    const [typed = ''] = part
      .slice(at)
      .trim()
      .split(/ {2,}| [<>]|#/)
    const words = (typed.match(WORD) ?? []).slice(1).map((word) => word.replace(/["']/g, ''))
    const fault = await faultOfWords(words)
    if (fault !== undefined && !(mentioned && /is missing|not specified/.test(fault)))
      return `${line}: ${fault}`
  }
  return undefined
}

async function faultOfWords(words: string[]): Promise<string | undefined> {
  const root = await program(['--help'])
  disarm(root)
  try {
    await root.parseAsync(words, { from: 'user' })
    return undefined
  } catch (error) {
    // Printing the help or the version is not an error.
    if (error instanceof CommanderError && error.exitCode === 0) return undefined
    return (error as Error).message
  }
}

/** Reports whether a command has its own action, besides its subcommands. */
export const isRun = (command: Command) =>
  command.commands.every((each) => each.name() === 'help') ||
  ('_actionHandler' in command && Boolean(command._actionHandler))

/** Replaces the actions of all commands, so that parsing does nothing else. */
function disarm(command: Command) {
  command.configureOutput({ writeOut: () => {}, writeErr: () => {} })
  const inner = command.commands.filter((each) => each.name() !== 'help')
  if (isRun(command))
    command.action(() => {
      const [excess] = command.args.slice(command.registeredArguments.length)
      if (excess !== undefined && !command.registeredArguments.at(-1)?.variadic)
        throw new Error(`unknown command or argument ${excess}`)
    })
  for (const each of inner) disarm(each)
}
