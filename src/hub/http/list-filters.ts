import type { Context } from 'hono'
import { AGENT_STATES, type HubMachine } from '../../protocol/index.ts'
import { idFromAddress } from '../../protocol/machine-address.ts'
import { isAsking } from '../../protocol/needs.ts'
import type { MachineRegistry } from '../registry/machine-registry.ts'
import type { AgentRecord } from '../store/records.ts'
import { flag, invalid, once, someOf } from './query.ts'

/**
 * Returns the filter of a request for agents. It checks records instead of views, because most records may
 * not match. Agents without a status never match, because clients do not see them.
 * @throws HttpError
 */
export function agentFilter(
  c: Context,
  machines: Pick<MachineRegistry, 'link'>,
): (agent: Readonly<AgentRecord>) => boolean {
  const states = someOf(c, 'state', AGENT_STATES)
  const machineId = machineOf(c)
  const runtime = once(c, 'runtime')
  const isIn = folderOf(c)
  const [pending, connected, gone] = ['pending', 'connected', 'gone'].map((name) => flag(c, name))
  return ({ status, machine_id, gone: isGone }) =>
    status !== undefined &&
    (machineId === undefined || machine_id === machineId) &&
    (!states || states.includes(status.state)) &&
    (runtime === undefined || status.runtime === runtime) &&
    isIn(status.cwd) &&
    is(pending, isAsking(status)) &&
    is(connected, machines.link(machine_id) !== undefined) &&
    is(gone, isGone)
}

/** Returns the filter of a request for machines; undefined if the request has none. @throws HttpError */
export function machineFilter(c: Context): ((machine: HubMachine) => boolean) | undefined {
  const machineId = machineOf(c)
  const connected = flag(c, 'connected')
  if (machineId === undefined && connected === undefined) return undefined
  return (machine) =>
    (machineId === undefined || machine.machine_id === machineId) && is(connected, machine.connected)
}

/** Returns the machine that a request selects. @throws HttpError */
export function machineOf(c: Context): string | undefined {
  const text = once(c, 'machine_id')
  return text === undefined ? undefined : idFromAddress(text)
}

/** Returns a function that reports whether a folder is the requested folder, or is in it. @throws HttpError */
function folderOf(c: Context): (cwd: string) => boolean {
  const text = once(c, 'cwd')
  if (text === undefined) return () => true
  if (!text.startsWith('/')) throw invalid('cwd', 'must be an absolute path')
  const folder = text.replace(/\/+$/, '')
  return (cwd) => cwd === folder || cwd.startsWith(`${folder}/`)
}

const is = (wanted: boolean | undefined, value: boolean) => wanted === undefined || wanted === value
