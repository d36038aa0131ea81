import { type Command, CommanderError } from 'commander'
import { program } from '../../src/cli/program.ts'

export interface Written {
  line: string
  /** In a sentence, which may leave out arguments. */
  mentioned: boolean
}

/** The command lines of this program in a text for people: after a prompt, in a block of `sh`, or in backquotes. */
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
 * What is wrong with a command line of this program, as the program itself sees it: command, flags, values, arguments.
 * @returns undefined where it would run
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
    // Help and the version were asked for.
    if (error instanceof CommanderError && error.exitCode === 0) return undefined
    return (error as Error).message
  }
}

/** Whether a command does something itself, beside those that it has. */
export const isRun = (command: Command) =>
  command.commands.every((each) => each.name() === 'help') ||
  ('_actionHandler' in command && Boolean(command._actionHandler))

/** Commands are parsed, and do nothing. */
function disarm(command: Command) {
  command.configureOutput({ writeOut: () => {}, writeErr: () => {} })
  const inner = command.commands.filter((each) => each.name() !== 'help')
  if (isRun(command))
    command.action(() => {
      const [excess] = command.args.slice(command.registeredArguments.length)
      if (excess !== undefined && !command.registeredArguments.at(-1)?.variadic)
        throw new Error(`there is no command, or argument, ${excess}`)
    })
  for (const each of inner) disarm(each)
}
