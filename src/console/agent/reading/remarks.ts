import { exitText, isUrgent, limitText, retryText } from '../../../client/run-events.ts'
import type { Event } from '../../../protocol/events.ts'
import type { EventOf, Tone } from '../block.ts'

export interface Remark {
  tone: Tone
  text: string
  detail?: string
  divides?: boolean
}

const quiet = (text: string, detail?: string): Remark => ({ tone: 'quiet', text, detail })
const warning = (text: string, detail?: string): Remark => ({ tone: 'warning', text, detail })

/** Returns the remark on an event that has no other block; undefined for events that are not shown. */
export function remarkOf(event: Event): Remark | undefined {
  switch (event.kind) {
    case 'process_started':
      return { ...quiet(event.run > 1 ? `Started again (run ${event.run})` : 'Started'), divides: true }
    case 'process_exited':
      return { ...exitRemark(event), divides: true }
    case 'set_back':
      return {
        ...warning(
          'The machine lost the history after this point',
          `A backup was restored, or the machine crashed. The machine lost bytes ${event.from} to ${event.to} and continues from the earlier point.`,
        ),
        divides: true,
      }
    case 'conversation_reset':
      return { ...quiet('The conversation was reset'), divides: true }
    case 'prompt_rejected':
      return {
        tone: 'problem',
        text: `The message was refused: ${event.reason ?? 'the agent gave no reason'}`,
      }
    case 'permission_denied':
      return warning(`Denied: ${[event.tool, event.message ?? event.reason].filter(Boolean).join(': ')}`)
    case 'hook':
      return hookRemark(event)
    case 'retry':
      return warning(sentence(retryText(event)))
    case 'rate_limit':
      return event.status === 'allowed' ? undefined : warning(`Usage limit: ${limitText(event)}`)
    case 'compaction_started':
      return { ...quiet('Compacting the conversation…'), divides: true }
    case 'compaction':
      return { ...quiet(compactedText(event)), divides: true }
    case 'compaction_failed':
      return warning(`Failed to compact the conversation: ${event.error ?? 'the agent gave no reason'}`)
    case 'notice':
      return isUrgent(event) ? warning(event.text) : quiet(event.text)
    case 'reply':
      return event.ok ? undefined : warning(event.error ?? event.code ?? 'A request to the agent failed')
    default:
      return lineRemark(event)
  }
}

function lineRemark(event: Event): Remark | undefined {
  if (event.kind === 'unknown')
    return quiet('Output of a kind that this version does not know', JSON.stringify(event.raw, null, 2))
  if (event.kind === 'unreadable')
    return warning(
      `Cannot read ${event.bytes} ${event.bytes === 1 ? 'byte' : 'bytes'} of output: ${UNREADABLE[event.reason]}`,
      event.text,
    )
  return undefined
}

const UNREADABLE: Readonly<Record<EventOf<'unreadable'>['reason'], string>> = {
  torn: 'the line has no end',
  not_json: 'the line is not JSON',
  too_long: 'the line is too long',
  too_deep: 'the line is nested too deeply',
}

const sentence = (text: string) => text.charAt(0).toUpperCase() + text.slice(1)

function exitRemark(event: EventOf<'process_exited'>): Remark {
  const isFine = event.code === 0 || (event.reason === undefined && event.code === undefined && !event.signal)
  return isFine ? quiet('Ended') : warning(sentence(exitText(event)))
}

function compactedText({ pre_tokens, post_tokens }: EventOf<'compaction'>): string {
  if (pre_tokens === undefined) return 'Conversation compacted'
  const after = post_tokens === undefined ? '' : ` to ${post_tokens}`
  return `Conversation compacted (from ${pre_tokens}${after} tokens)`
}

function hookRemark({ name, phase, outcome, exit_code, output }: EventOf<'hook'>): Remark | undefined {
  if (phase !== 'ended' || outcome === undefined || outcome === 'success') return undefined
  const detail = output?.trim() ? output : undefined
  if (exit_code === 2) return quiet(`Hook ${name} refused`, detail)
  const how = outcome === 'error' ? `failed (exit code ${exit_code ?? 'unknown'})` : `was ${outcome}`
  return warning(`Hook ${name} ${how}`, detail)
}
