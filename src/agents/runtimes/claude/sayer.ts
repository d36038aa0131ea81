import { compact, type Fields, fields, list, text } from './fields.ts'

/** What a line of `type: user` says, and who says it. */
interface Said {
  content: unknown
  prompt_id?: string
  /** Absent for a prompt that was given to the agent. */
  origin?: string
}

/**
 * Tells a prompt, which Claude Code echoes as a replay, from what Claude Code says in the user's place: summaries,
 * feedback of hooks, notes, results of slash commands.
 */
export function sayer(line: Fields): Said {
  const content = fields(line.message)?.content
  const kind = text(fields(line.origin)?.kind)
  const isPrompt = line.isReplay === true
  if (isPrompt && !isGiven(line.uuid)) {
    const output = commandOutput(content)
    if (output !== undefined) return { content: output, origin: 'command_output' }
  }
  if (kind !== undefined && kind !== 'human') return { content, ...promptId(line), origin: kind }
  if (line.isSynthetic === true) return { content, origin: 'runtime' }
  if (isPrompt) return { content: commandLine(content) ?? content, ...promptId(line) }
  if (INTERRUPTED.test(onlyText(content) ?? '')) return { content, origin: 'interrupt' }
  // A sub-agent is prompted by the agent that started it.
  return { content, origin: text(line.parent_tool_use_id) === undefined ? 'runtime' : 'agent' }
}

const promptId = (line: Fields) =>
  compact({ prompt_id: line.isReplay === true ? text(line.uuid) : undefined }) as { prompt_id?: string }

/** Ids that Claude Code makes itself are of version 4; those of this daemon's prompts are not. */
const isGiven = (id: unknown) => typeof id === 'string' && id[14] === '8'

const INTERRUPTED = /^\[Request interrupted by user[^\]]*\]$/

const OUTPUT = /^<(local-command-(?:stdout|stderr))>([\s\S]*)<\/\1>$/

function commandOutput(content: unknown): string | undefined {
  const [, , output] = OUTPUT.exec(onlyText(content) ?? '') ?? []
  // Never empty: what says nothing is no event.
  return output === undefined ? undefined : output.trim() || '(no output)'
}

const COMMAND =
  /^<command-name>(\/[^<\n]*)<\/command-name>\s*<command-message>[^<]*<\/command-message>\s*<command-args>([\s\S]*)<\/command-args>$/

/** A slash command as it was typed. */
function commandLine(content: unknown): string | undefined {
  const [, name, args] = COMMAND.exec(onlyText(content)?.trim() ?? '') ?? []
  return name === undefined ? undefined : `${name} ${args}`.trimEnd()
}

/** The text of a message that is nothing else. */
function onlyText(content: unknown): string | undefined {
  if (typeof content === 'string') return content
  const blocks = list(content)
  return blocks?.length === 1 ? text(fields(blocks[0])?.text) : undefined
}
