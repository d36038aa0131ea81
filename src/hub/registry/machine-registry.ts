import * as z from 'zod/mini'
import { readJson, setAside, writeAtomic } from '../../platform/files.ts'
import type { Logger } from '../../platform/log.ts'
import { type Command, type Hello, type HubMachine, MachineStatus } from '../../protocol/index.ts'
import type { DebouncedWriter } from '../store/files/debounced-writer.ts'
import type { ChangeFeed } from './change-feed.ts'
import type { Keys } from './keys.ts'

const MachineRecord = z.object({
  machine_id: z.string(),
  hostname: z.string(),
  /** Name from a rename, if the machine has no enrolled key. Otherwise the key holds the name. */
  name: z.optional(z.string()),
  os: z.string(),
  arch: z.string(),
  daemon_version: z.string(),
  since: z.string(),
  status: MachineStatus,
})
type MachineRecord = z.infer<typeof MachineRecord>

/** `machines.json` */
const MachinesFile = z.object({ version: z.literal(1), machines: z.array(MachineRecord) })

/** The connection of a machine, as commands use it. */
export interface ConnectedMachine {
  readonly capabilities: readonly string[]
  send(message: Command): void
}

export interface MachineRegistryOptions {
  path: string
  feed: ChangeFeed
  saver: DebouncedWriter
  /** Machine keys, which hold the names of enrolled machines. */
  keys: Pick<Keys, 'nameOf' | 'rename'>
  logger: Logger
  now(): string
}

/** All machines that have connected and were not removed. */
export class MachineRegistry {
  readonly #options: MachineRegistryOptions
  readonly #records = new Map<string, MachineRecord>()
  readonly #links = new Map<string, ConnectedMachine>()

  constructor(options: MachineRegistryOptions) {
    this.#options = options
    const { path, logger } = options
    const read = readJson(path, MachinesFile)
    if (read.ok) for (const record of read.value.machines) this.#records.set(record.machine_id, record)
    else if (read.reason === 'damaged')
      logger.error({ aside: setAside(path), problem: read.problem }, 'damaged list of machines set aside')
  }

  ids(): string[] {
    return [...this.#records.keys()]
  }

  link(machineId: string): ConnectedMachine | undefined {
    return this.#links.get(machineId)
  }

  onConnected({ machine_id, hostname, os, arch, daemon_version, machine }: Hello, link: ConnectedMachine) {
    this.#links.set(machine_id, link)
    const name = this.#records.get(machine_id)?.name
    this.#records.set(machine_id, {
      machine_id,
      hostname,
      ...(name !== undefined && { name }),
      os,
      arch,
      daemon_version,
      since: this.#options.now(),
      status: machine,
    })
    this.#onChange(machine_id)
  }

  /** @returns true if this was the machine's current connection */
  onDisconnected(machineId: string, link: ConnectedMachine): boolean {
    if (this.#links.get(machineId) !== link) return false
    this.#links.delete(machineId)
    const record = this.#records.get(machineId)
    if (record) record.since = this.#options.now()
    this.#onChange(machineId)
    return true
  }

  status(machineId: string, status: MachineStatus) {
    const record = this.#records.get(machineId)
    if (!record || status.revision < record.status.revision) return
    record.status = status
    this.#onChange(machineId)
  }

  /**
   * Renames a machine; written to the disk on return. If that fails, nothing changes.
   * @throws the system error
   */
  rename(machineId: string, name: string) {
    const record = this.#records.get(machineId)
    if (!record) return
    if (!this.#options.keys.rename(machineId, name)) {
      this.#records.set(machineId, { ...record, name })
      try {
        this.#save()
      } catch (error) {
        this.#records.set(machineId, record)
        throw error
      }
    }
    this.#options.feed.publish({ kind: 'machine', machine_id: machineId })
  }

  /** Name of the machine for people. */
  nameOf(machineId: string): string | undefined {
    const record = this.#records.get(machineId)
    return record && this.#nameOf(record)
  }

  /** Removes a machine. Written to the disk on return unless that fails, in which case it is retried. */
  forget(machineId: string) {
    const { saver, path, feed } = this.#options
    this.#records.delete(machineId)
    saver.now(path, () => this.#save())
    feed.publish({ kind: 'machine', machine_id: machineId })
  }

  get(machineId: string): HubMachine | undefined {
    const record = this.#records.get(machineId)
    return record && this.#view(record)
  }

  /** Returns all machines, connected machines first. */
  all(): HubMachine[] {
    const all = [...this.#records.values()].map((record) => this.#view(record))
    return [...all.filter(({ connected }) => connected), ...all.filter(({ connected }) => !connected)]
  }

  #view(record: MachineRecord): HubMachine {
    return { ...record, name: this.#nameOf(record), connected: this.#links.has(record.machine_id) }
  }

  #nameOf({ machine_id, hostname, name }: MachineRecord): string {
    return this.#options.keys.nameOf(machine_id, hostname) ?? name ?? hostname
  }

  #save() {
    const text = JSON.stringify({ version: 1, machines: [...this.#records.values()] })
    writeAtomic(this.#options.path, text)
  }

  #onChange(machineId: string) {
    const { saver, path, feed } = this.#options
    saver.later(path, () => this.#save())
    feed.publish({ kind: 'machine', machine_id: machineId })
  }
}
