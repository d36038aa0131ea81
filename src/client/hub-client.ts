import * as z from 'zod/mini'
import type { CommandType } from '../protocol/commands.ts'
import { SIGNED } from '../protocol/commands-to-sign.ts'
import type { EventPage } from '../protocol/event-page.ts'
import type { StartRequest } from '../protocol/hub-api.ts'
import { HubAgent, HubMachine, Outcome } from '../protocol/hub-objects.ts'
import { idInAddress } from '../protocol/machine-address.ts'
import type { WorkspaceChanges, WorkspaceFile } from '../protocol/workspace.ts'
import {
  type AgentAddress,
  agentAddress,
  eventsBeforeAddress,
  type FleetStreamOptions,
  fleetStreamAddress,
} from './addresses.ts'
import type { EarlierEvents } from './earlier-events.ts'
import { isBefore, parseEventId } from './event-id.ts'
import { HubAdmin } from './hub-admin.ts'
import { Agents, Machines, Removed } from './hub-answers.ts'
import { type ErrorFor, type HubRequest, HubRequests } from './hub-requests.ts'
import { HubRollouts } from './hub-rollouts.ts'
import { type ReadFields, readQuery } from './read-folders.ts'
import { type Signer, signCommand, type Written } from './signer.ts'
import type { SseMessage } from './sse.ts'
import type { Transport } from './transport.ts'

/** Maximum size of an installer, in bytes. */
const INSTALLER_BYTES = 1024 * 1024

/** Features of commands that older hubs lack, by the name of the command. */
const LACKING: Readonly<Record<string, string>> = { withdraw: 'the withdrawal of prompts' }

const machinePath = (machineId: string, rest = '') =>
  `/api/machines/${encodeURIComponent(idInAddress(machineId))}${rest}`

/** Request that lets a machine read the folders of an agent. */
const READ = { waitS: 60, lacking: 'the changes of agents' }

/** An agent with selected fields. */
export type AgentFields<F extends keyof HubAgent> = Pick<HubAgent, 'agent_id' | 'machine_id' | F>

export interface HubClientOptions {
  /** Returns a new id for a command. */
  newId(): string
  /** Signs commands, as the policies of some machines require. By default, commands are not signed. */
  signer?: Signer | undefined
  /**
   * Converts a failure into the error that methods throw. By default, the methods throw the failure itself.
   */
  errorFor?: ErrorFor
}

/**
 * The hub's HTTP API, as `protocol/hub-api.ts` describes it. The methods throw the errors that `errorFor`
 * returns.
 */
export class HubClient extends HubAdmin {
  readonly rollouts: HubRollouts
  readonly #hub: HubRequests
  readonly #newId: () => string
  readonly #signer: Signer | undefined
  /**
   * For each agent that was looked up: its id, and the id of its machine. The machine is remembered because
   * two machines may have agents with the same id.
   */
  readonly #machines = new Map<string, string>()

  constructor(transport: Transport, { newId, signer, errorFor = (failure) => failure }: HubClientOptions) {
    const requests = new HubRequests(transport, errorFor)
    super(requests)
    this.#hub = requests
    this.rollouts = new HubRollouts(requests)
    this.#newId = newId
    this.#signer = signer
  }

  /** True if the client signs commands. */
  get signs(): boolean {
    return this.#signer !== undefined
  }

  async machines(): Promise<HubMachine[]> {
    return (await this.machinesAndEnrolled()).machines
  }

  /** Returns the machines, and the keys that no machine has used yet. */
  machinesAndEnrolled(): Promise<z.infer<typeof Machines>> {
    return this.#hub.json('/api/machines', Machines)
  }

  /** Returns a machine; undefined if the hub does not know it. */
  async machine(machineId: string): Promise<HubMachine | undefined> {
    const query = new URLSearchParams({ machine_id: idInAddress(machineId) })
    const { machines } = await this.#hub.json(`/api/machines?${query}`, Machines)
    // Older hubs ignore the query.
    return machines.find(({ machine_id }) => machine_id === machineId)
  }

  renameMachine(machineId: string, name: string): Promise<HubMachine> {
    const request = { method: 'PATCH', body: { name }, lacking: 'names for machines' } as const
    return this.#hub.json(machinePath(machineId), HubMachine, request)
  }

  /**
   * @returns the number of revoked keys, and the number of keys that were kept because other machines use
   * them
   */
  removeMachine(machineId: string, { force }: { force: boolean }): Promise<z.infer<typeof Removed>> {
    return this.#hub.json(machinePath(machineId, force ? '?force=true' : ''), Removed, { method: 'DELETE' })
  }

  /** Returns the script that installs a release from the hub; undefined if the hub has no releases. */
  installer(): Promise<string | undefined> {
    return this.#hub.text('/install.sh', INSTALLER_BYTES)
  }

  async agents(): Promise<HubAgent[]> {
    return (await this.#hub.json('/api/agents', Agents)).agents
  }

  /** Returns the agents of one machine. */
  async agentsOf(machineId: string): Promise<HubAgent[]> {
    const query = new URLSearchParams({ machine_id: idInAddress(machineId) })
    const { agents } = await this.#hub.json(`/api/agents?${query}`, Agents)
    // Older hubs ignore the query.
    return agents.filter(({ machine_id }) => machine_id === machineId)
  }

  /** Returns selected fields of all agents, which takes the hub and the network much less than whole agents. */
  async agentFields<F extends keyof HubAgent>(...names: F[]): Promise<AgentFields<F>[]> {
    const all = ['agent_id', 'machine_id', ...names]
    const mask = Object.fromEntries(all.map((name) => [name, true]))
    const schema = z.object({ agents: z.array(z.pick(HubAgent, mask as never)) })
    const { agents } = await this.#hub.json(`/api/agents?fields=${all.join(',')}`, schema)
    return agents as AgentFields<F>[]
  }

  /**
   * Returns an agent. Later calls with this agent id refer to the same machine, even if another machine
   * starts an agent with the same id.
   */
  async agent(agentId: string): Promise<HubAgent> {
    const agent = await this.#hub.json(this.#agentPath(agentId), HubAgent)
    this.#machines.set(agentId, agent.machine_id)
    return agent
  }

  /** Makes later calls with this agent id refer to the agent on this machine. */
  means(agentId: string, machineId: string) {
    this.#machines.set(agentId, machineId)
  }

  moveAgent(agentId: string, machine_id: string, { force }: { force: boolean }): Promise<HubAgent> {
    const path = this.#agentPath(agentId, '/move', force ? { force: 'true' } : {})
    return this.#hub.json(path, HubAgent, {
      method: 'POST',
      body: { machine_id },
      lacking: 'moves of agents',
    })
  }

  /** Returns a page of the changes in an agent's folders. */
  async changes(agentId: string, fields: ReadFields['diff']): Promise<WorkspaceChanges> {
    const { WorkspaceChanges } = await import('../protocol/workspace.ts')
    return this.#hub.json(await this.#readPath(agentId, 'diff', fields), WorkspaceChanges, READ)
  }

  /** Returns lines of a file in an agent's folders. */
  async file(agentId: string, fields: ReadFields['file']): Promise<WorkspaceFile> {
    const { WorkspaceFile } = await import('../protocol/workspace.ts')
    return this.#hub.json(await this.#readPath(agentId, 'file', fields), WorkspaceFile, READ)
  }

  async #readPath<N extends keyof ReadFields>(agentId: string, name: N, fields: ReadFields[N]) {
    const about = { type: `workspace:${name}`, command_id: this.#newId(), agent_id: agentId } as const
    const command = { ...about, ...fields }
    const signed = this.#signer && (await this.#signed(command, await this.#machineOf(agentId)))
    return this.#agentPath(agentId, name === 'diff' ? '/changes' : '/file', readQuery(fields, signed))
  }

  /** Returns one page of an agent's history. */
  async events(agentId: string, after?: string): Promise<EventPage> {
    return this.#events(this.#agentPath(agentId, '/events', after === undefined ? {} : { after }))
  }

  /**
   * Returns the last events before the event `before`, in ascending order: by default, the newest events.
   * @param limit maximum number of events
   */
  async eventsBefore(agentId: string, before: string | undefined, limit: number): Promise<EarlierEvents> {
    const page = await this.#events(eventsBeforeAddress(this.#agent(agentId), before, limit))
    const end = before === undefined ? undefined : parseEventId(before)
    // An older hub ignores `before`. Its answer is the beginning of the history.
    if (page.next === undefined)
      return { ...page, events: end ? page.events.filter((event) => isBefore(event, end)) : page.events }
    const { searchForward } = await import('./earlier-events.ts')
    const place = end ?? { offset: (await this.agent(agentId)).offset, index: 0 }
    return searchForward((after) => this.events(agentId, after), place, limit)
  }

  async #events(path: string): Promise<EventPage> {
    const { EventPage } = await import('../protocol/event-page.ts')
    return this.#hub.json(path, EventPage)
  }

  /**
   * Yields an agent's server-sent events until the connection ends for any reason.
   * @param arrived called when the hub answers, and whenever it has sent something
   */
  stream(
    agentId: string,
    after: string | undefined,
    signal: AbortSignal,
    arrived?: () => void,
  ): AsyncGenerator<SseMessage> {
    return this.#hub.events(this.#agentPath(agentId, '/stream'), { after, signal, arrived })
  }

  /**
   * Yields the server-sent events of all machines and agents, with the given fields, until the connection ends
   * for any reason.
   * @param arrived called when the hub answers, and whenever it has sent something
   */
  fleetStream(
    options: FleetStreamOptions,
    signal: AbortSignal,
    arrived?: () => void,
  ): AsyncGenerator<SseMessage> {
    return this.#hub.events(fleetStreamAddress(options), { signal, arrived })
  }

  /** Reads a message of a stream. */
  read<T>(schema: z.ZodMiniType<T>, text: string): T {
    return this.#hub.read(schema, text)
  }

  /**
   * Starts an agent. The command is signed only if the request contains the machine's id.
   * @param waitS seconds to wait for the outcome; after that the result is `pending`
   */
  async start(request: StartRequest, waitS: number): Promise<Outcome> {
    const { machine_id, agent_id = `a-${this.#newId().slice(0, 8)}`, spec } = request
    if (!this.#signer || machine_id === undefined) return this.#command('/api/agents', request, waitS)
    const { command_id = this.#newId() } = request
    const command = { type: 'agent:start', command_id, agent_id, spec } as const
    return this.#command('/api/agents', { ...request, ...(await this.#signed(command, machine_id)) }, waitS)
  }

  /** @param body fields of the command. Commands with the same `command_id` are carried out once */
  async agentCommand(agentId: string, name: string, body: object, waitS: number): Promise<Outcome> {
    const type = `agent:${name}` as CommandType
    const path = this.#agentPath(agentId, `/${name}`)
    if (!this.#signer || !SIGNED.includes(type)) return this.#command(path, body, waitS, LACKING[name])
    const command = { type, command_id: this.#newId(), agent_id: agentId, ...body }
    return this.#command(path, await this.#signed(command, await this.#machineOf(agentId)), waitS)
  }

  async machineCommand(machineId: string, name: string, body: object, waitS: number): Promise<Outcome> {
    const path = machinePath(machineId, `/${name}`)
    const type = `${name === 'check' ? 'machine' : 'daemon'}:${name}` as CommandType
    if (!this.#signer || !SIGNED.includes(type)) return this.#command(path, body, waitS)
    const command = { type, command_id: this.#newId(), ...body }
    return this.#command(path, await this.#signed(command, machineId), waitS)
  }

  /** Returns the outcome of a command. @throws if the command failed */
  outcome(commandId: string, waitS: number): Promise<Outcome> {
    return this.#outcome(`/api/commands/${encodeURIComponent(commandId)}`, { waitS })
  }

  async #machineOf(agentId: string): Promise<string> {
    return this.#machines.get(agentId) ?? (await this.agent(agentId)).machine_id
  }

  /** Returns the body of a request with a signed command. */
  async #signed<C extends Written>(command: C, machineId: string) {
    return { ...command, signed: await signCommand(this.#signer!, command, machineId) }
  }

  /** @param lacking name of the command's feature, if older hubs lack it */
  #command(path: string, body: object, waitS: number, lacking?: string): Promise<Outcome> {
    const request = { command_id: this.#newId(), ...body }
    return this.#outcome(path, { method: 'POST', body: request, waitS, ...(lacking && { lacking }) })
  }

  async #outcome(path: string, request: HubRequest): Promise<Outcome> {
    const url = `${path}${path.includes('?') ? '&' : '?'}wait=${request.waitS}`
    const outcome = await this.#hub.json(url, Outcome, request)
    if (outcome.state === 'failed') throw this.#hub.refused(outcome.error)
    return outcome
  }

  #agentPath(agentId: string, rest = '', query: Record<string, string> | URLSearchParams = {}): string {
    return agentAddress(this.#agent(agentId), rest, query)
  }

  #agent(agent_id: string): AgentAddress {
    return { agent_id, machine_id: this.#machines.get(agent_id) }
  }
}
