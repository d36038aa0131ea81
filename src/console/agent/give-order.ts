import type { FleetAgent } from '../../client/fleet-agent.ts'
import type { HubClient } from '../../client/hub-client.ts'
import type { Outcome } from '../../protocol/hub-objects.ts'

interface Order {
  name: 'prompt' | 'withdraw' | 'interrupt' | 'configure' | 'stop' | 'resume' | 'merge' | 'discard' | 'remove'
  body: object
  /** Maximum time until the machine carries out the command, in seconds. */
  waitS: number
  /** Sentence for the person once it is done. */
  done: string
  /** Called once it is done, with the machine's result. */
  onDone?: (result: NonNullable<Outcome['result']>) => void
}

type Ordered = Pick<FleetAgent, 'agent_id' | 'machine_id' | 'connected'>

/** Gives an agent a command. @returns a sentence for the person @throws HubFailure */
export async function giveOrder(hub: HubClient, agent: Ordered, order: Order): Promise<string> {
  const { agent_id, machine_id, connected } = agent
  hub.means(agent_id, machine_id)
  const outcome = await hub.agentCommand(agent_id, order.name, order.body, connected ? order.waitS : 0)
  if (outcome.state !== 'pending') {
    order.onDone?.(outcome.result ?? {})
    return order.done
  }
  return connected
    ? 'The machine has not answered yet. The hub keeps the command until the machine carries it out.'
    : 'The machine is not connected. The hub keeps the command until the machine connects.'
}

/** Reports whether an agent has no process, so that it must be resumed before it does anything. */
export const isEnded = ({ state }: Pick<FleetAgent, 'state'>) => state === 'exited' || state === 'failed'
