import type { Context } from 'hono'
import { visible } from '../../platform/visible-text.ts'
import type { HubMachine } from '../../protocol/index.ts'
import { idFromAddress } from '../../protocol/machine-address.ts'
import { HttpError } from '../http-error.ts'
import type { AgentRegistry } from '../registry/agent-registry.ts'
import type { CommandQueue } from '../registry/command-queue.ts'
import type { MachineRegistry } from '../registry/machine-registry.ts'

/** Maximum number of names in an error message. */
const LISTED = 10

/** Returns a machine's name and id for messages. Messages need both, because names are not always unique. */
export const described = ({ machine_id, name, hostname }: HubMachine) =>
  `${visible(name ?? hostname)} (${visible(machine_id)})`

const listed = (names: string[]) => names.slice(0, LISTED).join(', ') + (names.length > LISTED ? ', …' : '')

export const noAgent = (agentId: string) =>
  new HttpError(404, 'agent_not_found', `Agent ${agentId} not found.`)

export interface LookupContext {
  agents: AgentRegistry
  machines: MachineRegistry
  commands: CommandQueue
}

/** Finds the machines and agents that requests name. */
export class Lookup {
  readonly #context: LookupContext

  constructor(context: LookupContext) {
    this.#context = context
  }

  /** @throws HttpError */
  machine(machineId: string): HubMachine {
    const machine = this.#context.machines.get(machineId)
    if (!machine) throw new HttpError(404, 'machine_not_found', `Machine ${machineId} not found.`)
    return machine
  }

  /**
   * Returns the only machine, or the only connected machine. @throws HttpError if there is none, or more than
   * one
   */
  onlyMachine(): string {
    const all = this.#context.machines.all()
    // If only one machine is connected, choose this machine: the other machines that the hub knows may never
    // connect again.
    const connected = all.filter((machine) => machine.connected)
    const [machine, other] = connected.length > 0 ? connected : all
    if (!machine)
      throw new HttpError(409, 'no_machine', 'No machine has connected yet.', {
        path: 'machine_id',
        remedy: 'Start a daemon that connects to this hub.',
      })
    if (other)
      throw new HttpError(
        409,
        'machine_ambiguous',
        `There are several machines: ${listed(all.map(described))}.`,
        {
          path: 'machine_id',
          remedy: 'Choose one with `--machine`.',
        },
      )
    return machine.machine_id
  }

  /** Returns the machines on which the hub has started, or is starting, an agent with this id. */
  ordered(agentId: string): string[] {
    const { agents, commands } = this.#context
    const owners = agents.owners(agentId).filter(({ ordered }) => ordered)
    return [...new Set([...owners.map(({ machine_id }) => machine_id), ...commands.startingOn(agentId)])]
  }

  /**
   * Returns the machine of the agent that a request names: `?machine_id=`, or the only machine with an agent
   * of this id. Agents started through this hub take precedence over agents that only their machines
   * reported.
   * @throws HttpError
   */
  machineOf(c: Context, agentId: string): string {
    const { agents, machines } = this.#context
    const ordered = this.ordered(agentId)
    const told = agents.owners(agentId).map(({ machine_id }) => machine_id)
    const given = c.req.query('machine_id')
    if (given !== undefined) {
      const named = idFromAddress(given)
      if (ordered.includes(named) || told.includes(named)) return named
      throw noAgent(agentId)
    }
    const [machineId, ...others] = ordered.length > 0 ? ordered : told
    if (machineId === undefined) throw noAgent(agentId)
    if (others.length === 0) return machineId
    const names = [machineId, ...others].map((id) => {
      const machine = machines.get(id)
      return machine ? described(machine) : visible(id)
    })
    throw new HttpError(
      409,
      'agent_ambiguous',
      `Several machines have an agent ${agentId}: ${listed(names)}.`,
      {
        path: 'machine_id',
        remedy: 'Choose one with `?machine_id=` or `--machine`.',
      },
    )
  }
}
