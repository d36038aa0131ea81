import type { Asked, LifePart } from '../../client/life.ts'
import { duration } from '../../client/units.ts'
import type { AuditEntry } from '../../protocol/index.ts'
import { cleanLine } from './clean.ts'

/** Formats a part of an agent's life as a sentence. */
export function lifeText(part: LifePart): string {
  switch (part.part) {
    case 'run_began':
      return runText(part)
    case 'turns':
      return turnsText(part)
    case 'limit_reached':
      return 'The usage limit of its account was reached.'
    case 'prompt_refused':
      return `A hook or rule of the runtime refused a prompt${part.reason === undefined ? '.' : `: ${cleanLine(part.reason, 300)}`}`
    case 'set_back':
      return 'Its machine was restored from a backup, and continued from there.'
    case 'run_ended':
      return endingText(part)
  }
}

function runText({ run, version, model }: LifePart & { part: 'run_began' }): string {
  const facts = [version && `version ${cleanLine(version, 40)}`, model && `the model ${cleanLine(model, 60)}`]
  const known = facts.filter((fact) => fact !== undefined).join(' and ')
  return `Run ${run} began${known === '' ? '.' : `, with ${known}.`}`
}

function turnsText({
  count,
  outcome,
  failed,
  duration_ms,
  tools,
  asked,
}: LifePart & { part: 'turns' }): string {
  const what = count === 1 ? 'A turn' : `${count} turns`
  const how = failed
    ? `failed (${cleanLine(outcome, 60)})`
    : outcome === 'interrupted'
      ? 'interrupted'
      : 'ended well'
  const verb = outcome === 'interrupted' ? `${count === 1 ? 'was' : 'were'} ` : ''
  const time = duration_ms > 0 ? `, after ${duration(duration_ms)}${count === 1 ? '' : ' in all'}` : ''
  const who = count === 1 ? 'It' : 'They'
  const used = tools === 0 ? '' : ` ${who} used ${counted(tools, 'tool')}.`
  return `${what} ${verb}${how}${time}.${used}${askedText(who, asked)}`
}

function askedText(who: string, { tool, question, plan }: Asked): string {
  const texts = [
    tool > 0 && `for permission ${times(tool)}`,
    question > 0 && counted(question, 'question'),
    plan > 0 && `for approval of a plan ${times(plan)}`,
  ].filter((text) => text !== false)
  return texts.length === 0 ? '' : ` ${who} asked ${texts.join(', and ')}.`
}

function endingText({ run, code, signal, reason }: LifePart & { part: 'run_ended' }): string {
  if (reason === 'rebooted') return `Run ${run} ended when its machine rebooted.`
  if (reason === 'lease')
    return `Run ${run} was ended because neither a daemon nor a server came back in time.`
  if (signal !== undefined) return `Run ${run} was ended by ${cleanLine(signal, 40)}.`
  return code === undefined ? `Run ${run} ended; nobody saw how.` : `Run ${run} ended with code ${code}.`
}

/** Phrases for orders, by the action in the audit log. */
const ORDERS: Readonly<Record<string, string>> = {
  'agent:start': 'started it',
  'agent:prompt': 'sent a prompt',
  'agent:withdraw': 'withdrew a prompt',
  'agent:permission': 'answered a request for permission',
  'agent:answer': 'answered a question',
  'agent:interrupt': 'interrupted its turn',
  'agent:configure': 'changed its settings',
  'agent:stop': 'stopped it',
  'agent:resume': 'resumed it',
  'agent:merge': 'merged its branch',
  'agent:discard': 'discarded its branch',
  'agent:remove': 'removed it',
  'agent:move': 'moved it to another machine',
}

/** Formats an order and its outcome, if it did not succeed, as a sentence. */
export function orderText({ at, by, action, outcome, code }: AuditEntry): string {
  const who = by === undefined ? 'A client without a valid key' : cleanLine(by, 64)
  const what = Object.hasOwn(ORDERS, action) ? ORDERS[action] : `ordered ${cleanLine(action, 64)}`
  const end = outcome === 'ordered' ? 'no outcome yet' : cleanLine(outcome, 32)
  const why = code === undefined ? '' : `: ${cleanLine(code, 64)}`
  const how = outcome === 'succeeded' ? '' : ` (${end}${why})`
  return `${cleanLine(at, 24).slice(0, 19).replace('T', ' ')}  ${who} ${what}${how}.`
}

/** Returns each order once: with its outcome, if the log has it. */
export function settledOrders(entries: readonly AuditEntry[]): AuditEntry[] {
  const outcomes = new Map<string | number, AuditEntry>()
  for (const entry of entries)
    if (entry.outcome !== 'ordered') outcomes.set(entry.of ?? entry.command_id ?? entry.n, entry)
  return entries.flatMap((entry) => {
    const settled = outcomes.get(entry.n) ?? outcomes.get(entry.command_id ?? '')
    if (entry.outcome === 'ordered') {
      const { outcome, code } = settled ?? entry
      return [{ ...entry, outcome, ...(code !== undefined && { code }) }]
    }
    // An outcome whose order is no longer in the log.
    return entries.some((other) => other.outcome === 'ordered' && isOrderOf(other, entry)) ? [] : [entry]
  })
}

const isOrderOf = (order: AuditEntry, { of, command_id }: AuditEntry) =>
  order.n === of || (command_id !== undefined && order.command_id === command_id)

const counted = (count: number, noun: string) => `${count} ${noun}${count === 1 ? '' : 's'}`
const times = (count: number) => (count === 1 ? 'once' : `${count} times`)
