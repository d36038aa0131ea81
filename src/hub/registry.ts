import { EventEmitter } from 'node:events'
import * as z from 'zod/mini'
import { readJson, setAside, writeAtomic } from '../platform/files.ts'
import type { Logger } from '../platform/log.ts'
import { AgentStatus, type Hello, type HubAgent, HubMachine, type MachineStatus } from '../protocol/index.ts'

/** How long a change may wait to be written: the machines say it all again when they come back. */
const SAVE_MS = 1000

const AgentRecord = z.object({
  machine_id: z.string(),
  gone: z._default(z.boolean(), false),
  status: AgentStatus,
})
type AgentRecord = z.infer<typeof AgentRecord>

const RegistryRecord = z.object({
  version: z.literal(1),
  machines: z.array(z.omit(HubMachine, { connected: true })),
  agents: z.array(AgentRecord),
})

type Machine = Omit<HubMachine, 'connected'>

export interface RegistryEvents {
  machine: [machineId: string]
  agent: [agentId: string]
  agent_removed: [agentId: string]
}

/** What the hub knows of machines and agents: the newest of what the machines have said. */
export class Registry extends EventEmitter<RegistryEvents> {
  readonly #path: string
  readonly #logger: Logger
  readonly #machines = new Map<string, Machine>()
  readonly #agents = new Map<string, AgentRecord>()
  readonly #connected = new Set<string>()
  #saving: NodeJS.Timeout | undefined

  constructor(path: string, logger: Logger) {
    super()
    this.setMaxListeners(0)
    this.#path = path
    this.#logger = logger
    const read = readJson(path, RegistryRecord)
    if (read.ok) {
      for (const machine of read.value.machines) this.#machines.set(machine.machine_id, machine)
      for (const agent of read.value.agents) this.#agents.set(agent.status.agent_id, agent)
    } else if (read.reason === 'damaged')
      logger.error(
        { path: setAside(path), problem: read.problem },
        'a damaged file was set aside; the machines will tell anew',
      )
  }

  machines(): HubMachine[] {
    return [...this.#machines.keys()].map((id) => this.machine(id)!)
  }

  machine(machineId: string): HubMachine | undefined {
    const machine = this.#machines.get(machineId)
    return machine && { ...machine, connected: this.#connected.has(machineId) }
  }

  agents(offset: (agentId: string) => number): HubAgent[] {
    return [...this.#agents.keys()].map((id) => this.agent(id, offset)!)
  }

  agent(agentId: string, offset: (agentId: string) => number): HubAgent | undefined {
    const agent = this.#agents.get(agentId)
    if (!agent) return undefined
    const { machine_id, gone, status } = agent
    const connected = this.#connected.has(machine_id)
    return { ...status, machine_id, connected, ...(gone && { gone }), offset: offset(agentId) }
  }

  /** Whose agent it is. */
  machineOf(agentId: string): string | undefined {
    return this.#agents.get(agentId)?.machine_id
  }

  begin(agentId: string): number {
    return this.#agents.get(agentId)?.status.begin ?? 0
  }

  /** A machine has come: what it holds is what there is. */
  connected(hello: Hello) {
    const { machine_id, hostname, os, arch, daemon_version, machine } = hello
    this.#connected.add(machine_id)
    this.#machines.set(machine_id, {
      machine_id,
      hostname,
      os,
      arch,
      daemon_version,
      since: now(),
      status: machine,
    })
    for (const status of hello.agents) this.agentStatus(machine_id, status)
    const held = new Set(hello.agents.map(({ agent_id }) => agent_id))
    for (const [agentId, agent] of this.#agents)
      if (agent.machine_id === machine_id && !held.has(agentId)) this.agentGone(agentId)
    this.#changed('machine', machine_id)
  }

  disconnected(machineId: string) {
    const machine = this.#machines.get(machineId)
    if (!machine || !this.#connected.delete(machineId)) return
    machine.since = now()
    this.#changed('machine', machineId)
    for (const [agentId, agent] of this.#agents)
      if (agent.machine_id === machineId) this.emit('agent', agentId)
  }

  machineStatus(machineId: string, status: MachineStatus) {
    const machine = this.#machines.get(machineId)
    if (!machine || status.revision < machine.status.revision) return
    machine.status = status
    this.#changed('machine', machineId)
  }

  agentStatus(machineId: string, status: AgentStatus) {
    const known = this.#agents.get(status.agent_id)
    if (known && known.machine_id === machineId && status.revision < known.status.revision) return
    this.#agents.set(status.agent_id, { machine_id: machineId, gone: false, status })
    this.#changed('agent', status.agent_id)
  }

  /** Its machine does not have it any more: the history that is here is all that is left. */
  agentGone(agentId: string) {
    const agent = this.#agents.get(agentId)
    if (!agent || agent.gone) return
    agent.gone = true
    this.#changed('agent', agentId)
  }

  removeAgent(agentId: string) {
    if (this.#agents.delete(agentId)) this.#changed('agent_removed', agentId)
  }

  removeMachine(machineId: string) {
    if (this.#machines.delete(machineId)) this.#changed('machine', machineId)
  }

  close() {
    if (this.#saving) clearTimeout(this.#saving)
    this.#save()
  }

  #changed(event: keyof RegistryEvents, id: string) {
    this.emit(event, id)
    this.#saving ??= setTimeout(() => this.#save(), SAVE_MS)
  }

  #save() {
    this.#saving = undefined
    const record = { version: 1, machines: [...this.#machines.values()], agents: [...this.#agents.values()] }
    try {
      writeAtomic(this.#path, JSON.stringify(record))
    } catch (error) {
      this.#logger.warn({ err: error }, 'machines and agents not saved')
    }
  }
}

const now = () => new Date().toISOString()
