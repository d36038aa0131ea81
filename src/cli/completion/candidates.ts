import type { Argument, Command, Option } from 'commander'

/** Completions for the last word of a command line. */
export interface Candidates {
  words: Word[]
  /** Set if the shell must complete names of files or folders. */
  paths?: 'files' | 'dirs'
  /** Names to request from the hub or the machine, for the typed command. */
  ask?: {
    what: 'agents' | 'machines' | 'services' | 'prompts' | 'sessions'
    command: string
    flags: Record<string, string>
    /** For prompts: id of the agent, or a prefix. */
    agent?: string
  }
  /** Text to put before each word. */
  prefix: string
}

export interface Word {
  value: string
  description: string
}

/** Values of flags that the command tree does not list. A test compares these values with the help. */
export const VALUES: Record<string, readonly string[]> = {
  '--effort': ['low', 'medium', 'high', 'xhigh', 'max'],
  '--permission-mode': ['default', 'acceptEdits', 'plan', 'dontAsk', 'auto', 'bypassPermissions'],
  '--mode': ['default', 'acceptEdits', 'plan', 'dontAsk', 'auto', 'bypassPermissions'],
  '--log-level': ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
  '--log-format': ['text', 'json', 'none'],
  '--manager': ['systemd', 'systemd-user', 'pm2', 'launchd'],
  '--from': ['start', 'now'],
}

/**
 * Returns completions for a command line.
 * @param root root of the complete command tree
 * @param typed words after the program's name; the last word is incomplete
 */
export function candidatesFor(root: Command, typed: readonly string[]): Candidates {
  const words = withoutEquals(typed)
  const current = words.pop() ?? ''
  const { command, operands, open, flags } = read(root, words)
  const valuesOf = (subject: Option | Argument | undefined, prefix = '') => ({
    prefix,
    ...values(subject, { command, operands, flags }),
  })
  if (open) return valuesOf(open)
  const [, name] = /^(--[\w-]+)=/.exec(current) ?? []
  if (name !== undefined)
    return valuesOf(
      optionsOf(command).find(({ long }) => long === name),
      `${name}=`,
    )
  if (current.startsWith('-')) return { prefix: '', words: optionsOf(command).flatMap(optionWords) }
  if (command.commands.length > 0)
    return { prefix: '', words: operands.length === 0 ? inner(command).map(commandWord) : [] }
  const last = command.registeredArguments.at(-1)
  return valuesOf(command.registeredArguments[operands.length] ?? (last?.variadic ? last : undefined))
}

interface Read {
  command: Command
  /** Words that are neither commands nor flags. */
  operands: string[]
  /** Flag whose value comes next. */
  open: Option | undefined
  flags: Record<string, string>
}

function read(root: Command, words: string[]): Read {
  const found: Read = { command: root, operands: [], open: undefined, flags: {} }
  for (const word of words) {
    const next = inner(found.command).find((each) => [each.name(), ...each.aliases()].includes(word))
    if (found.open) {
      found.flags[found.open.attributeName()] = word
      found.open = undefined
    } else if (word.startsWith('-')) {
      const [name, value] = word.split(/=(.*)/s)
      const option = optionsOf(found.command).find(({ short, long }) => name === short || name === long)
      if (option && value !== undefined) found.flags[option.attributeName()] = value
      else if (option?.required) found.open = option
    } else if (next && found.operands.length === 0) found.command = next
    else found.operands.push(word)
  }
  return found
}

/** Joins `--flag=value`, which bash splits into three words. */
function withoutEquals(typed: readonly string[]): string[] {
  const words: string[] = []
  for (const [at, word] of typed.entries()) {
    const value = typed[at - 1] === '=' && words.at(-1)?.startsWith('--')
    if (word !== '=' || !words.at(-1)?.startsWith('--')) words.push(word)
    else if (at === typed.length - 1) words.push('')
    else if (value) words.push(word)
  }
  return words
}

const inner = (command: Command) => command.createHelp().visibleCommands(command)

/** Returns the options of a command. The root also accepts the daemon's flags. */
function optionsOf(command: Command): Option[] {
  const daemon = command.parent ? undefined : command.commands.find((each) => each.name() === 'run')
  return [command, ...(daemon ? [daemon] : [])].flatMap((each) => each.createHelp().visibleOptions(each))
}

const optionWords = ({ short, long, description }: Option): Word[] =>
  [long, short].flatMap((value) => (value ? [{ value, description }] : []))

const commandWord = (command: Command): Word => ({
  value: command.name(),
  description: command.description(),
})

function values(
  subject: Option | Argument | undefined,
  { command, operands, flags }: Omit<Read, 'open'>,
): Omit<Candidates, 'prefix'> {
  if (!subject) return { words: [] }
  const option = 'flags' in subject ? subject : undefined
  const name = option ? (/<([^>]*)>/.exec(option.flags)?.[1] ?? '') : subject.name()
  // A store may also be the address of a database.
  if (name === 'dir' || name === 'store') return { words: [], paths: 'dirs' }
  const known = subject.argChoices ?? VALUES[option?.long ?? '']
  if (known) return { words: known.map((value) => ({ value, description: '' })) }
  if (name === 'file') return { words: [], paths: 'files' }
  const what = NAMES.find(([, is]) => is(name, option, command))?.[0]
  const agent = what === 'prompts' ? { agent: operands[0] ?? '' } : {}
  return { words: [], ...(what && { ask: { what, command: command.name(), flags, ...agent } }) }
}

const NAMES: [
  NonNullable<Candidates['ask']>['what'],
  (name: string, option: Option | undefined, command: Command) => boolean,
][] = [
  ['machines', (name) => name === 'machine'],
  ['agents', (name, option, { parent }) => name === 'id' && !option && parent?.name() === 'agent'],
  ['prompts', (name, option, command) => name === 'prompt' && !option && command.name() === 'withdraw'],
  ['sessions', (name, option, { parent }) => name === 'session' && !option && parent?.name() === 'session'],
  ['services', (_name, option, { parent }) => option?.long === '--name' && parent?.name() === 'service'],
]
