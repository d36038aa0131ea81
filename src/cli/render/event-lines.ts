import { exitText, isUrgent, limitText, retryText, unknownText } from '../../client/run-events.ts'
import type { Content, Event } from '../../protocol/index.ts'
import type { Colors } from './ansi.ts'
import { clean, cleanLine } from './clean.ts'

/** Maximum length of a prompt for a sub-agent, in columns. */
const INNER_PROMPT_COLUMNS = 200
/** Maximum length, in characters, of a message that the runtime sends in the user's name. */
const NOTE_CHARS = 300

type Of<K extends Event['kind']> = Extract<Event, { kind: K }>

/**
 * Kinds of events that `Conversation` formats, because their lines and the lines of other events depend on
 * each other.
 */
type DependentKind =
  | 'process_started'
  | 'session'
  | 'permission_request'
  | 'text'
  | 'tool_result'
  | 'tool_use'
  | 'turn_result'
  | 'task'
  | 'prompt_state'

/** Returns the lines for an event that does not stream; empty for events that are not shown. */
export function eventLines(event: Exclude<Event, { kind: DependentKind }>, colors: Colors): string {
  const { dim, yellow, red } = colors
  switch (event.kind) {
    case 'process_exited':
      return dim(`-- ${cleanLine(exitText(event), 200)}`)
    case 'set_back':
      return yellow(
        `! The machine has lost this history from byte ${event.from} on, because of a restored backup or a crash. It continues from an earlier point.`,
      )
    case 'user':
      return userText(event, colors)
    case 'thinking':
      return dim(`* ${clean(event.text)}`)
    case 'permission_withdrawn':
      return dim('-- the request was withdrawn')
    case 'permission_denied':
      return yellow(`! denied: ${cleanLine([event.tool, event.message].filter(Boolean).join(': '), 300)}`)
    case 'prompt_rejected':
      return red(`✗ the prompt was refused: ${cleanLine(event.reason ?? 'no reason given', 500)}`)
    case 'hook':
      return hookText(event, colors)
    case 'rate_limit':
      return event.status === 'allowed' ? '' : yellow(`! usage limit: ${cleanLine(limitText(event), 300)}`)
    case 'retry':
      return yellow(`! ${cleanLine(retryText(event), 300)}`)
    case 'compaction':
      return dim(
        `-- conversation compacted${event.pre_tokens === undefined ? '' : ` (${event.pre_tokens} tokens before)`}`,
      )
    case 'compaction_started':
      return dim('-- compacting the conversation')
    case 'compaction_failed':
      return yellow(
        `! failed to compact the conversation: ${cleanLine(event.error ?? 'no reason given', 300)}`,
      )
    case 'conversation_reset':
      return dim('-- the conversation was reset')
    case 'notice':
      return noticeText(event, colors)
    case 'redacted_thinking':
      return dim('* (encrypted thinking)')
    case 'reply':
      return event.ok
        ? ''
        : yellow(`! ${cleanLine(event.error ?? event.code ?? 'a request to the agent failed', 300)}`)
    case 'unknown':
      return dim(`-- ${cleanLine(unknownText(event.raw), 300)}`)
    case 'unreadable':
      return red(
        `! cannot read ${event.bytes} bytes of output (${event.reason}): ${cleanLine(event.text, 120)}`,
      )
    case 'state':
    case 'tool_input_delta':
    case 'tool_progress':
    case 'background_tasks':
    case 'text_delta':
    case 'thinking_delta':
      return ''
  }
}

function userText({ content, origin, parent_tool_use_id }: Of<'user'>, { dim, bold, cyan }: Colors): string {
  const words = contentText(content)
  // The line for the end of the turn already says that the turn was interrupted.
  if (origin === 'interrupt') return ''
  if (parent_tool_use_id !== undefined) return dim(`> ${cleanLine(words, INNER_PROMPT_COLUMNS)}`)
  if (origin === undefined) return bold(cyan(`> ${indentRest(words.trimEnd())}`))
  const by = origin === 'runtime' || origin === 'command_output' ? '' : `${cleanLine(origin, 40)}: `
  return dim(`-- ${by}${cleanLine(words, NOTE_CHARS)}`)
}

function noticeText(event: Of<'notice'>, { dim, yellow }: Colors): string {
  const shown = cleanLine(event.text, NOTE_CHARS)
  return isUrgent(event) ? yellow(`! ${shown}`) : dim(`-- ${shown}`)
}

/** Returns a line for a hook that failed or refused an action; empty for other hook events. */
function hookText({ name, phase, outcome, exit_code, output }: Of<'hook'>, { dim, yellow }: Colors): string {
  if (phase !== 'ended' || outcome === undefined || outcome === 'success') return ''
  const words = output === undefined || output.trim() === '' ? '' : `: ${cleanLine(output, 300)}`
  if (exit_code === 2) return dim(`-- hook ${cleanLine(name, 60)} refused${words}`)
  const how =
    outcome === 'error' ? `failed (exit code ${exit_code ?? 'unknown'})` : `was ${cleanLine(outcome, 40)}`
  return yellow(`! hook ${cleanLine(name, 60)} ${how}${words}`)
}

const contentText = (content: Content) =>
  typeof content === 'string'
    ? content
    : content.map((block) => (block.type === 'text' ? block.text : `[${block.media_type}]`)).join('\n')

const indentRest = (text: string) => clean(text).replace(/\n/g, '\n  ')
