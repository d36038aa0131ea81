import { type Clock, isoTime } from '../../platform/clock.ts'
import type { Command, Hello, HubMachine, MachineStatus, PlaceRequest } from '../../protocol/index.ts'
import type { MachineRecord } from '../store/records.ts'
import type { MachineStore } from '../store/store.ts'
import type { ChangeFeed } from './change-feed.ts'
import type { Keys } from './keys.ts'

/** The part of a machine's connection that commands use. */
export interface ConnectedMachine {
  readonly capabilities: readonly string[]
  send(message: Command): void
}

export interface MachineRegistryOptions {
  store: MachineStore
  feed: ChangeFeed
  /** Machine keys, whose entries contain the names of enrolled machines. */
  keys: Pick<Keys, 'nameOf' | 'placeOf' | 'rename'>
  clock: Clock
}

/** All machines that have connected and were not removed. */
export class MachineRegistry {
  readonly #options: MachineRegistryOptions
  readonly #records = new Map<string, MachineRecord>()
  readonly #links = new Map<string, ConnectedMachine>()
  #placing: Promise<void> = Promise.resolve()

  constructor(options: MachineRegistryOptions) {
    this.#options = options
  }

  /** Reads all machines from the store. Called once. */
  async load(): Promise<void> {
    const { store, feed } = this.#options
    for (const record of await store.load()) {
      const { machine_id } = record
      this.#records.set(machine_id, record)
      feed.publish({ kind: 'machine', machine_id })
    }
  }

  ids(): string[] {
    return [...this.#records.keys()]
  }

  link(machineId: string): ConnectedMachine | undefined {
    return this.#links.get(machineId)
  }

  onConnected(hello: Hello, link: ConnectedMachine) {
    const { machine_id, hostname, os, arch, daemon_version, machine } = hello
    this.#links.set(machine_id, link)
    const known = this.#records.get(machine_id)
    const name = known?.name
    // Once people have placed a machine, its enrollment no longer matters.
    const { group, labels } = known?.labels ? known : (this.#options.keys.placeOf(machine_id) ?? known ?? {})
    this.#records.set(machine_id, {
      machine_id,
      hostname,
      ...(name !== undefined && { name }),
      ...(group !== undefined && { group }),
      ...(labels && { labels }),
      ...(hello.labels && { own_labels: hello.labels }),
      os,
      arch,
      daemon_version,
      since: isoTime(this.#options.clock.now()),
      status: machine,
    })
    this.#onChange(machine_id)
  }

  /** @returns true if this was the machine's current connection */
  onDisconnected(machineId: string, link: ConnectedMachine): boolean {
    if (this.#links.get(machineId) !== link) return false
    this.#links.delete(machineId)
    const record = this.#records.get(machineId)
    if (record) record.since = isoTime(this.#options.clock.now())
    this.#onChange(machineId)
    return true
  }

  onStatus(machineId: string, status: MachineStatus) {
    const record = this.#records.get(machineId)
    if (!record || status.revision < record.status.revision) return
    record.status = status
    this.#onChange(machineId)
  }

  /** Renames a machine. If this step fails, nothing changes. @throws the system error */
  async rename(machineId: string, name: string): Promise<void> {
    const { store, keys, feed } = this.#options
    const record = this.#records.get(machineId)
    if (!record) return
    if (!(await keys.rename(machineId, name))) {
      await store.save({ ...record, name })
      // The machine may have connected in the meantime.
      Object.assign(this.#records.get(machineId) ?? {}, { name })
    }
    feed.publish({ kind: 'machine', machine_id: machineId })
  }

  /** Puts a machine in a group, and sets its labels. If this step fails, nothing changes. @throws the system error */
  async place(machineId: string, { group, labels }: PlaceRequest): Promise<void> {
    const edit = (record: MachineRecord): MachineRecord => {
      const { group: before, labels: labelsBefore = {}, ...rest } = record
      const next = group ?? before
      return { ...rest, ...(next && { group: next }), labels: labels ?? labelsBefore }
    }
    // One at a time, so that two changes do not replace each other on the disk.
    const deed = this.#placing.then(async () => {
      const record = this.#records.get(machineId)
      if (!record) return
      await this.#options.store.save(edit(record))
      // The machine may have connected in the meantime.
      const now = this.#records.get(machineId)
      if (now) this.#records.set(machineId, edit(now))
      this.#options.feed.publish({ kind: 'machine', machine_id: machineId })
    })
    this.#placing = deed.catch(() => {})
    await deed
  }

  /** Name of the machine, as shown to people. */
  nameOf(machineId: string): string | undefined {
    const record = this.#records.get(machineId)
    return record && this.#nameOf(record)
  }

  /** Removes a machine. */
  async forget(machineId: string): Promise<void> {
    const { store, feed } = this.#options
    this.#records.delete(machineId)
    const removed = store.remove(machineId)
    feed.publish({ kind: 'machine_removed', machine_id: machineId })
    await removed
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

  #onChange(machineId: string) {
    const { store, feed } = this.#options
    const record = this.#records.get(machineId)
    if (record) store.saveSoon(record)
    feed.publish({ kind: 'machine', machine_id: machineId })
  }
}
