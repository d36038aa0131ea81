import { compact, type Fields, fields, list, text } from './fields.ts'

/** Content and origin of a line of `type: user`. */
interface Said {
  content: unknown
  prompt_id?: string
  /** Absent for a prompt from a person or a command. */
  origin?: string
}

/**
 * Distinguishes prompts from messages that Claude Code writes in the user's place. Claude Code echoes prompts
 * as replays. Its own messages are summaries, hook feedback, notes, and results of slash commands.
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
  // The prompt of a sub-agent comes from the agent that started it.
  return { content, origin: text(line.parent_tool_use_id) === undefined ? 'runtime' : 'agent' }
}

const promptId = (line: Fields) =>
  compact({ prompt_id: line.isReplay === true ? text(line.uuid) : undefined }) as { prompt_id?: string }

/** Recognizes this daemon's prompt ids, which are UUIDs of version 8. Claude Code's own ids are of version 4. */
const isGiven = (id: unknown) => typeof id === 'string' && id[14] === '8'

const INTERRUPTED = /^\[Request interrupted by user[^\]]*\]$/

const OUTPUT = /^<(local-command-(?:stdout|stderr))>([\s\S]*)<\/\1>$/

function commandOutput(content: unknown): string | undefined {
  const [, , output] = OUTPUT.exec(onlyText(content) ?? '') ?? []
  // Replace empty output, because a line with empty content gives no event.
  return output === undefined ? undefined : output.trim() || '(no output)'
}

const COMMAND =
  /^<command-name>(\/[^<\n]*)<\/command-name>\s*<command-message>[^<]*<\/command-message>\s*<command-args>([\s\S]*)<\/command-args>$/

/** Returns a slash command as the user typed it. */
function commandLine(content: unknown): string | undefined {
  const [, name, args] = COMMAND.exec(onlyText(content)?.trim() ?? '') ?? []
  return name === undefined ? undefined : `${name} ${args}`.trimEnd()
}

/** Returns the text of a message that consists of a single text. */
function onlyText(content: unknown): string | undefined {
  if (typeof content === 'string') return content
  const blocks = list(content)
  return blocks?.length === 1 ? text(fields(blocks[0])?.text) : undefined
}
