import { resolveId } from './agent-id.ts'
import type { HubClient } from './hub-client.ts'

/** A machine's id for its id, the beginning of it, or its host name; without one the only machine. @throws UserError */
export async function resolveMachine(client: HubClient, given: string | undefined): Promise<string> {
  const machines = await client.machines()
  const named = machines.filter(({ hostname }) => given === undefined || hostname === given)
  if (named.length === 1) return named[0]!.machine_id
  return resolveId(
    given ?? '',
    machines.map(({ machine_id }) => machine_id),
    'machine',
  )
}
