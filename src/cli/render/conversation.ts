import type { Content, Event } from '../../protocol/index.ts'
import type { Colors } from './ansi.ts'
import { clean, cleanLine } from './clean.ts'
import { permissionText } from './permission.ts'
import { exitText, limitText, retryText, unknownText } from './run-events.ts'
import { Streamed } from './streamed-blocks.ts'
import { resultText, toolSummary } from './tool.ts'
import { dollars, duration } from './units.ts'
import { wholeStart } from './width.ts'

/** Maximum number of lines shown of a tool's result, and maximum length of each. */
const RESULT_LINES = 6
const RESULT_LINE_CHARS = 200
/** Maximum length of a message that the runtime sends in the user's name, in characters. */
const NOTE_CHARS = 300

type Kind = Event['kind']
type Of<K extends Kind> = Extract<Event, { kind: K }>
type Spoken = 'text' | 'thinking'

/** Levels of notices to highlight, and subjects of notices without a level. */
const URGENT: ReadonlySet<string> = new Set([
  'warning',
  'high',
  'immediate',
  'failed',
  'mirror_error',
  'session_writes_lost',
  'model_refusal_fallback',
  'model_refusal_no_fallback',
])

/** Events after which unfinished blocks stay unfinished. */
const ENDS_BLOCKS: ReadonlySet<Kind> = new Set(['turn_result', 'process_started', 'process_exited'])

/**
 * Formats an agent's activity, one event at a time. Streamed text is written as it arrives, and not again
 * when its block is finished.
 */
export class Conversation {
  readonly #colors: Colors
  readonly #width: () => number | undefined
  readonly #streamed = new Streamed()
  /** Ids of prompts that the agent has started and not finished. */
  readonly #begun = new Set<string>()
  /** Descriptions of tasks by id. */
  readonly #tasks = new Map<string, string | undefined>()
  /** The session line shown last: the agent reports its session in each turn. */
  #session: string | undefined

  /** @param width returns the current width of the terminal in columns, if stdout is a terminal */
  constructor(colors: Colors, width: () => number | undefined = () => undefined) {
    this.#colors = colors
    this.#width = width
  }

  /** @returns the text to write for this event; may be empty, or end within a line */
  event(event: Event): string {
    // A sub-agent's request is not indented: it names its sub-agent, and the user must answer it
    // like any other.
    const inner = event.parent_tool_use_id !== undefined && event.kind !== 'permission_request'
    // Several sub-agents may stream at once, so only their finished blocks are shown.
    if (event.kind === 'text_delta' || event.kind === 'thinking_delta')
      return inner ? '' : this.#delta(event.kind === 'text_delta' ? 'text' : 'thinking', event)
    if (!inner && (event.kind === 'text' || event.kind === 'thinking')) return this.#finished(event)
    const block = this.#block(event)
    const before = block === '' ? '' : this.interrupt()
    if (ENDS_BLOCKS.has(event.kind)) this.#streamed.clear()
    return block === '' ? before : `${before}${inner ? indent(block, '  │ ') : block}\n`
  }

  /** Ends an unfinished line, before other output. */
  interrupt(): string {
    if (!this.#streamed.isOpen) return ''
    this.#streamed.close()
    return '\n'
  }

  #delta(kind: Spoken, { message_id, block, text }: Of<'text_delta' | 'thinking_delta'>): string {
    if (text === '') return ''
    const wasOpen = this.#streamed.isOpen
    const goesOn = this.#streamed.add(kind, message_id, block, text)
    return (goesOn ? '' : (wasOpen ? '\n' : '') + this.#opening(kind)) + this.#styled(kind, clean(text))
  }

  #finished({ kind, message_id, text }: Of<Spoken>): string {
    const rest = this.#streamed.finish(kind, message_id, text)
    if (rest.goesOn) {
      this.#streamed.close()
      return `${this.#styled(kind, clean(rest.text))}\n`
    }
    if (rest.text.trim() === '') return text.trim() === '' ? this.interrupt() : ''
    return `${this.interrupt()}${this.#opening(kind)}${this.#styled(kind, clean(rest.text))}\n`
  }

  #opening = (kind: Spoken) => (kind === 'thinking' ? this.#colors.dim('* ') : '')

  #styled = (kind: Spoken, text: string) => (kind === 'thinking' ? this.#colors.dim(text) : text)

  /** Returns the lines for an event that does not stream; empty for events that are not shown. */
  #block(event: Event): string {
    const { dim, bold, yellow, red, cyan } = this.#colors
    switch (event.kind) {
      case 'process_started':
        this.#begun.clear()
        this.#tasks.clear()
        return dim(`-- started${event.run > 1 ? ` again (run ${event.run})` : ''}`)
      case 'process_exited':
        return dim(`-- ${exitText(event)}`)
      case 'set_back':
        return yellow(
          `! The machine lost its part of this history from byte ${event.from} on (a restored backup or a crash) and continues from an earlier point.`,
        )
      case 'session':
        return this.#sessionLine(event)
      case 'user':
        return this.#userText(event)
      case 'text':
        return clean(event.text)
      case 'thinking':
        return dim(`* ${clean(event.text)}`)
      case 'tool_use':
        return `${cyan(`• ${bold(cleanLine(event.tool, 100))}`)} ${toolSummary(event.input)}`.trimEnd()
      case 'tool_result':
        return this.#toolResult(event)
      case 'permission_request':
        return permissionText(
          { ...event, subagent: this.#tasks.get(event.subagent_id ?? '') },
          this.#colors,
          this.#width(),
        )
      case 'permission_withdrawn':
        return dim('-- the request was withdrawn')
      case 'permission_denied':
        return yellow(`! denied: ${cleanLine([event.tool, event.message].filter(Boolean).join(': '), 300)}`)
      case 'prompt_rejected':
        return red(`✗ the prompt was refused: ${cleanLine(event.reason ?? 'no reason given', 500)}`)
      case 'hook':
        return this.#hook(event)
      case 'turn_result':
        return this.#turnResult(event)
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
        return this.#noticeText(event)
      case 'redacted_thinking':
        return dim('* (encrypted thinking)')
      case 'task':
        if (event.phase === 'started') this.#tasks.set(event.task_id, event.description)
        if (event.phase === 'ended') this.#tasks.delete(event.task_id)
        return event.phase === 'started' || event.phase === 'ended'
          ? dim(
              `-- task ${event.phase}: ${cleanLine(event.summary ?? event.description ?? event.task_id, 200)}`,
            )
          : ''
      case 'prompt_state':
        return this.#promptText(event)
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

  #userText({ content, origin, parent_tool_use_id }: Of<'user'>): string {
    const { dim, bold, cyan } = this.#colors
    const words = contentText(content)
    // The end of the turn shows the interrupt.
    if (origin === 'interrupt') return ''
    if (parent_tool_use_id !== undefined) return dim(`> ${cleanLine(words, RESULT_LINE_CHARS)}`)
    if (origin === undefined) return bold(cyan(`> ${indentRest(words.trimEnd())}`))
    const by = origin === 'runtime' || origin === 'command_output' ? '' : `${cleanLine(origin, 40)}: `
    return dim(`-- ${by}${cleanLine(words, NOTE_CHARS)}`)
  }

  #noticeText({ about, text, level }: Of<'notice'>): string {
    const { dim, yellow } = this.#colors
    const said = cleanLine(text, NOTE_CHARS)
    return URGENT.has(level ?? about) ? yellow(`! ${said}`) : dim(`-- ${said}`)
  }

  /**
   * Returns a line for a prompt that was canceled before it started. The turn's result
   * covers started prompts.
   */
  #promptText({ prompt_id, state }: Of<'prompt_state'>): string {
    if (state === 'started') this.#begun.add(prompt_id)
    if (state !== 'cancelled' && state !== 'completed') return ''
    return this.#begun.delete(prompt_id) || state === 'completed'
      ? ''
      : this.#colors.yellow('! a prompt was canceled before the agent started it')
  }

  #sessionLine({ session_id, model, cwd, permission_mode }: Of<'session'>): string {
    const { dim } = this.#colors
    // Without a model, the event reports only a changed permission mode.
    if (model === undefined)
      return permission_mode === undefined ? '' : dim(`-- permission mode ${cleanLine(permission_mode, 40)}`)
    const mode = permission_mode === 'default' ? undefined : permission_mode
    const shown = [session_id, model, cwd, mode].filter(Boolean).join(', ')
    if (shown === this.#session) return ''
    this.#session = shown
    return dim(`-- session ${cleanLine(shown, 300)}`)
  }

  /** Returns a line for a hook that failed or refused an action; empty for other hook events. */
  #hook({ name, phase, outcome, exit_code, output }: Of<'hook'>): string {
    const { dim, yellow } = this.#colors
    if (phase !== 'ended' || outcome === undefined || outcome === 'success') return ''
    const words = output === undefined || output.trim() === '' ? '' : `: ${cleanLine(output, 300)}`
    if (exit_code === 2) return dim(`-- hook ${cleanLine(name, 60)} refused${words}`)
    const how =
      outcome === 'error' ? `failed (exit code ${exit_code ?? 'unknown'})` : `was ${cleanLine(outcome, 40)}`
    return yellow(`! hook ${cleanLine(name, 60)} ${how}${words}`)
  }

  #toolResult({ content, is_error }: Of<'tool_result'>): string {
    const { dim, red } = this.#colors
    const lines = resultText(content)
      .split('\n')
      .filter((line) => line.trim() !== '')
    const shown = lines.slice(0, RESULT_LINES).map((line) => shortenLine(line))
    if (lines.length > RESULT_LINES) shown.push(`… ${lines.length - RESULT_LINES} more lines`)
    if (shown.length === 0) shown.push('(nothing)')
    const style = is_error ? red : dim
    return shown.map((line, index) => style(`${index === 0 ? '  ⎿ ' : '    '}${line}`)).join('\n')
  }

  #turnResult(event: Of<'turn_result'>): string {
    const { green, yellow, red, dim } = this.#colors
    for (const id of event.prompt_ids ?? []) this.#begun.add(id)
    const facts = [
      event.num_turns === undefined
        ? undefined
        : `${event.num_turns} turn${event.num_turns === 1 ? '' : 's'}`,
      event.duration_ms === undefined ? undefined : duration(event.duration_ms),
      event.total_cost_usd === undefined ? undefined : `${dollars(event.total_cost_usd)} in this session`,
    ].filter((fact) => fact !== undefined)
    const rest = dim(facts.length > 0 ? ` (${facts.join(', ')})` : '')
    if (event.interrupted) return `${yellow('■ interrupted')}${rest}`
    return event.is_error ? `${red(`✗ ${failureText(event)}`)}${rest}` : `${green('✓ done')}${rest}`
  }
}

/** Start of diagnostics that Claude Code writes for its developers. */
const DIAGNOSTIC = /^\[ede_diagnostic\]/

/** Returns why a turn failed, in the agent's words if it gave any. */
function failureText(event: Of<'turn_result'>): string {
  const errors = event.errors?.filter((error) => !DIAGNOSTIC.test(error))
  const words = errors?.length ? errors.join('; ') : event.text
  const outcome =
    event.outcome === 'success' ? 'failed' : event.outcome.replace(/^error_/, '').replace(/_/g, ' ')
  return cleanLine(words ? `${outcome}: ${words}` : outcome, 1000)
}

const contentText = (content: Content) =>
  typeof content === 'string'
    ? content
    : content.map((block) => (block.type === 'text' ? block.text : `[${block.media_type}]`)).join('\n')

const shortenLine = (line: string) =>
  clean(line.length > RESULT_LINE_CHARS ? `${wholeStart(line, RESULT_LINE_CHARS - 1)}…` : line)

const indentRest = (text: string) => clean(text).replace(/\n/g, '\n  ')

const indent = (text: string, by: string) =>
  text
    .split('\n')
    .map((line) => by + line)
    .join('\n')
