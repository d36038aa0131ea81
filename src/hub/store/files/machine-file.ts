import * as z from 'zod/mini'
import { readJson, setAside, writeAtomic } from '../../../platform/files.ts'
import type { Logger } from '../../../platform/log.ts'
import { MachineRecord } from '../records.ts'
import type { MachineStore } from '../store.ts'
import type { DebouncedWriter } from './debounced-writer.ts'

const MachinesFile = z.object({ version: z.literal(1), machines: z.array(MachineRecord) })

/** `machines.json`: all machines in one file. */
export class MachineFile implements MachineStore {
  readonly #path: string
  readonly #writer: DebouncedWriter
  readonly #logger: Logger
  readonly #records = new Map<string, MachineRecord>()

  constructor({ path, writer, logger }: { path: string; writer: DebouncedWriter; logger: Logger }) {
    this.#path = path
    this.#writer = writer
    this.#logger = logger
  }

  async load(): Promise<MachineRecord[]> {
    const read = readJson(this.#path, MachinesFile)
    if (read.ok) for (const record of read.value.machines) this.#records.set(record.machine_id, record)
    else if (read.reason === 'damaged')
      this.#logger.error(
        { aside: setAside(this.#path), problem: read.problem },
        'damaged list of machines renamed',
      )
    return [...this.#records.values()]
  }

  saveSoon(record: MachineRecord) {
    this.#records.set(record.machine_id, record)
    this.#writer.later(this.#path, () => this.#write())
  }

  async save(record: MachineRecord): Promise<void> {
    const before = this.#records.get(record.machine_id)
    this.#records.set(record.machine_id, record)
    try {
      this.#write()
    } catch (error) {
      if (before) this.#records.set(record.machine_id, before)
      else this.#records.delete(record.machine_id)
      throw error
    }
  }

  async remove(machineId: string): Promise<void> {
    this.#records.delete(machineId)
    this.#writer.now(this.#path, () => this.#write())
  }

  #write() {
    writeAtomic(this.#path, JSON.stringify({ version: 1, machines: [...this.#records.values()] }))
  }
}
