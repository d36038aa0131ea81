import { failureText } from '../../client/run-events.ts'
import { dollars, duration } from '../../client/units.ts'
import type { Event } from '../../protocol/index.ts'
import type { Colors } from './ansi.ts'
import { cleanLine } from './clean.ts'
import { eventLines } from './event-lines.ts'
import { type Lexing, MarkdownWriting } from './markdown/markdown-writing.ts'
import { permissionText } from './permission.ts'
import { type Spoken, Streamed } from './streamed-blocks.ts'
import { ToolResults } from './tool-results.ts'
import { toolUseText } from './tool-use.ts'
import { plainWriting, type Writing } from './writing.ts'

type Kind = Event['kind']
type Of<K extends Kind> = Extract<Event, { kind: K }>

/** Prefix of each row of a sub-agent's output. */
const INNER = '  │ '

/** Events that end all unfinished blocks. */
const ENDS_BLOCKS: ReadonlySet<Kind> = new Set(['turn_result', 'process_started', 'process_exited'])

/**
 * Formats an agent's activity, one event at a time. Streamed text is written as it arrives. It is not written
 * again when its block is finished.
 */
export class Conversation {
  readonly #colors: Colors
  readonly #width: () => number | undefined
  readonly #lexing: Lexing | undefined
  readonly #streamed = new Streamed((kind) => this.#writing(kind))
  readonly #results = new ToolResults()
  /** Ids of prompts that the agent has started and not finished. */
  readonly #begun = new Set<string>()
  /** Descriptions of tasks by id. */
  readonly #tasks = new Map<string, string | undefined>()
  /** The session line that was shown last. The agent reports its session in each turn. */
  #session: string | undefined

  /**
   * @param width returns the current width of the terminal in columns, if stdout is a terminal
   * @param lexing reads the agent's texts as Markdown. By default, texts are written unchanged
   */
  constructor(colors: Colors, width: () => number | undefined = () => undefined, lexing?: Lexing) {
    this.#colors = colors
    this.#width = width
    this.#lexing = lexing
  }

  /** @returns the text to write for this event; may be empty, or end within a line */
  event(event: Event): string {
    // A sub-agent's request is not indented: the request names its sub-agent, and the user must answer it
    // like any other request.
    const inner = event.parent_tool_use_id !== undefined && event.kind !== 'permission_request'
    // Several sub-agents may stream at once, so only their finished blocks are shown.
    if (event.kind === 'text_delta' || event.kind === 'thinking_delta')
      return inner ? '' : this.#delta(event.kind === 'text_delta' ? 'text' : 'thinking', event)
    if (!inner && (event.kind === 'text' || event.kind === 'thinking')) return this.#finished(event)
    const block = this.#block(event, inner)
    const before = block === '' ? '' : this.interrupt()
    if (ENDS_BLOCKS.has(event.kind)) this.#streamed.clear()
    return block === '' ? before : `${before}${inner ? indent(block, INNER) : block}\n`
  }

  /** Ends an unfinished line, before other output. */
  interrupt(): string {
    return this.#streamed.isOpen ? `${this.#streamed.close()}\n` : ''
  }

  #delta(kind: Spoken, { message_id, block, text }: Of<'text_delta' | 'thinking_delta'>): string {
    if (text === '') return ''
    const begin = () => this.interrupt() + this.#opening(kind)
    return this.#streamed.add(kind, message_id, block, text, begin)
  }

  #finished({ kind, message_id, text }: Of<Spoken>): string {
    const { text: rest, writing, goesOn } = this.#streamed.finish(kind, message_id, text)
    if (goesOn) return `${writing.add(rest)}${this.#streamed.close()}\n`
    if (rest.trim() === '') return text.trim() === '' ? this.interrupt() : ''
    return `${this.interrupt()}${this.#opening(kind)}${writing.add(rest)}${writing.flush()}\n`
  }

  #opening = (kind: Spoken) => (kind === 'thinking' ? this.#colors.dim('* ') : '')

  /** @param indent number of columns that the caller puts before each row */
  #writing(kind: Spoken, indent = 0): Writing {
    if (kind === 'thinking') return plainWriting(this.#colors.dim)
    const columns = () => this.#columns(indent)
    return this.#lexing && columns() !== undefined
      ? new MarkdownWriting(this.#lexing, this.#colors, columns)
      : plainWriting((text) => text)
  }

  #columns(indent: number): number | undefined {
    const width = this.#width()
    return width && Math.max(1, width - indent)
  }

  /** Returns the lines for an event that does not stream; empty for events that are not shown. */
  #block(event: Event, inner: boolean): string {
    const { dim } = this.#colors
    const indent = inner ? INNER.length : 0
    switch (event.kind) {
      case 'process_started':
        this.#begun.clear()
        this.#results.clear()
        this.#tasks.clear()
        return dim(`-- started${event.run > 1 ? ` again (run ${event.run})` : ''}`)
      case 'session':
        return this.#sessionLine(event)
      case 'text': {
        const writing = this.#writing('text', indent)
        return writing.add(event.text) + writing.flush()
      }
      case 'tool_use':
        if (this.#width() !== undefined) this.#results.used(event)
        return toolUseText(event, this.#colors, this.#columns(indent))
      case 'tool_result':
        return this.#results.text(event, this.#colors, this.#columns(indent))
      case 'permission_request':
        this.#results.asked(event)
        return permissionText(
          { ...event, subagent: this.#tasks.get(event.subagent_id ?? '') },
          this.#colors,
          this.#width(),
        )
      case 'turn_result':
        return this.#turnResult(event)
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
      default:
        return eventLines(event, this.#colors)
    }
  }

  /**
   * Returns a line for a prompt that was canceled before it started. For a prompt that has started, the
   * turn's result is shown instead.
   */
  #promptText({ prompt_id, state, by }: Of<'prompt_state'>): string {
    if (state === 'started') this.#begun.add(prompt_id)
    if (state !== 'cancelled' && state !== 'completed') return ''
    if (this.#begun.delete(prompt_id) || state === 'completed') return ''
    const how = by === undefined ? 'a prompt was canceled' : `${cleanLine(by, 60)} withdrew a prompt`
    return this.#colors.yellow(`! ${how} before the agent started it`)
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
    return event.is_error
      ? `${red(`✗ ${cleanLine(failureText(event), 1000)}`)}${rest}`
      : `${green('✓ done')}${rest}`
  }
}

const indent = (text: string, by: string) =>
  text
    .split('\n')
    .map((line) => by + line)
    .join('\n')
