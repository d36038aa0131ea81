import type { Context } from 'hono'
import type { HubMachine } from '../../protocol/index.ts'
import { placeOf } from '../registry/agent-index.ts'
import type { AgentRegistry } from '../registry/agent-registry.ts'
import type { ChangeLog } from '../registry/change-log.ts'
import { type Fields, pick } from '../registry/fields.ts'
import type { Keys } from '../registry/keys.ts'
import type { MachineRegistry } from '../registry/machine-registry.ts'
import type { Quotas } from '../registry/quotas.ts'
import { tagged } from './entity-tag.ts'
import { fieldsOf } from './fields.ts'
import { isUnused } from './key-routes.ts'
import { agentFilter, machineFilter } from './list-filters.ts'
import { cut, pageOf } from './list-page.ts'
import { longJson } from './readable-json.ts'

export interface ListContext {
  agents: AgentRegistry
  machines: MachineRegistry
  keys: Keys
  quotas: Quotas
  changes: ChangeLog
}

/** Fields of an agent that change with its activity, without a change of its status. */
const OFFSETS = ['begin', 'acked', 'end', 'offset']
/** Fields of a machine that change with its agents, without a change of its status. */
const USAGE = ['agents', 'history_bytes']

const selects = (fields: Fields | undefined, names: string[]) =>
  !fields || names.some((name) => fields.has(name))

/** Answers `GET /api/agents`. */
export async function agentList(c: Context, { agents, machines, keys, changes }: ListContext) {
  const [page, fields, matches] = [pageOf(c), fieldsOf(c), agentFilter(c, machines)]
  const { name, revision, activity } = changes
  const { headers, isKnown } = tagged(c, [
    name,
    revision,
    keys.revision,
    selects(fields, OFFSETS) && activity,
  ])
  if (isKnown) return c.body(null, 304, headers)
  const found = filtered(agents.records(page?.after), matches)
  const { taken, next } = page ? cut(found, page, placeOf) : { taken: found }
  return longJson(c, { agents: selected(agents.listed(taken), fields), next }, headers)
}

/** Answers `GET /api/machines`. */
export async function machineList(c: Context, { agents, machines, keys, quotas, changes }: ListContext) {
  const [page, fields, matches] = [pageOf(c), fieldsOf(c), machineFilter(c)]
  const usageOf = (id: string) => ({ agents: agents.count(id), history_bytes: quotas.historyBytes(id) })
  // Between two changes of the lists, the number of agents and the sizes of histories only grow, so their sums
  // change whenever one of them changes.
  const usage = selects(fields, USAGE) && sumsOf(machines.ids().map(usageOf))
  const { headers, isKnown } = tagged(c, [changes.name, changes.revision, keys.revision, usage])
  if (isKnown) return c.body(null, 304, headers)
  const found = filtered(machines.all(), matches ?? (() => true))
  const { taken, next } = page ? cut(inOrder(found, page.after), page, idOf) : { taken: found }
  const shown = mapped(taken, (machine) => ({ ...machine, ...usageOf(machine.machine_id) }))
  const enrolled = page?.after || matches ? undefined : keys.list().filter(isUnused)
  return longJson(c, { machines: selected(shown, fields), enrolled, next }, headers)
}

const idOf = ({ machine_id }: HubMachine) => machine_id

const inOrder = (machines: Iterable<HubMachine>, after: string) =>
  [...machines].filter((each) => idOf(each) > after).sort((a, b) => (idOf(a) < idOf(b) ? -1 : 1))

const sumsOf = (usages: { agents: number; history_bytes: number }[]) =>
  usages.reduce((sum, each) => [sum[0]! + each.agents, sum[1]! + each.history_bytes], [0, 0])

const selected = (entries: Iterable<object>, fields: Fields | undefined) =>
  mapped(entries, (entry) => pick(entry, fields))

function* filtered<T>(entries: Iterable<T>, matches: (entry: T) => boolean) {
  for (const entry of entries) if (matches(entry)) yield entry
}

function* mapped<T, U>(entries: Iterable<T>, to: (entry: T) => U) {
  for (const entry of entries) yield to(entry)
}
