import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { Emitter } from '../../platform/emitter.ts'
import { systemCode } from '../../platform/errors.ts'
import { createPlain, openPlain } from '../../platform/plain-files.ts'
import type { Event } from '../../protocol/index.ts'
import { withdrawnId } from '../events/ids.ts'
import type { Input } from '../runtimes/conversation.ts'
import { AcceptedIds } from './accepted-ids.ts'
import type { AgentFolder } from './folder.ts'
import { deleteTaken, takeAway, takenName } from './withdrawn-files.ts'

/** A line, as the name of its file describes it. */
export interface Entry {
  name: string
  seq: number
  kind: Input['kind']
  id: string
}

const nameOf = (seq: number, { kind, id }: Pick<Input, 'kind' | 'id'>) =>
  `${String(seq).padStart(12, '0')}_${kind}_${id}`

function entryOf(name: string): Entry | undefined {
  const match = /^(\d{12})_(prompt|control)_(.+)$/.exec(name)
  return match ? { name, seq: Number(match[1]), kind: match[2] as Input['kind'], id: match[3]! } : undefined
}

const list = (dir: string) =>
  readdirSync(dir)
    .map(entryOf)
    .filter((entry) => entry !== undefined)
    .sort((a, b) => a.seq - b.seq)

/**
 * Undelivered input of an agent. Each line is a file in `in/`; the agent's feeder moves it to `fed/` and
 * writes it to the agent. A line is accepted once its id is in `inputs.jsonl`. By then, the line's file
 * exists. If the file is not yet in `in/`, this daemon or a later one moves it there. The feeder delivers a
 * file in `in/` even if no daemon is running.
 */
export class Inbox {
  /** `put`: a line was accepted. */
  readonly events = new Emitter<{ put: [input: Input] }>()
  readonly #folder: AgentFolder
  readonly #accepted: AcceptedIds
  /** Accepted prompts that the runtime has not yet reported as begun, by id. */
  readonly #unsettled = new Map<string, Entry>()
  /**
   * Ids of the unsettled prompts that the current run has queued in its memory. The run loses these prompts
   * when it ends.
   */
  readonly #queued = new Set<string>()
  /** True if the file of an accepted line may be missing from `in/`. */
  #late = true
  #seq = 1
  #allFed = false

  constructor(folder: AgentFolder) {
    this.#folder = folder
    this.#accepted = new AcceptedIds(folder)
    this.#handOver()
    for (const entry of [...list(folder.fed), ...list(folder.inbox)]) {
      this.#seq = Math.max(this.#seq, entry.seq + 1)
      this.mark(entry.id)
      if (entry.kind === 'prompt') this.#unsettled.set(entry.id, entry)
    }
  }

  /** Number of accepted prompts that the runtime has not yet reported as begun. */
  get unsettledCount() {
    return this.#unsettled.size
  }

  /** Prompts that the runtime has not yet reported as begun, in the order in which the agent gets them. */
  get unsettled(): Iterable<Entry> {
    return this.#unsettled.values()
  }

  isUnsettled(id: string) {
    return this.#unsettled.has(id)
  }

  /** Reports whether a prompt was withdrawn before the runtime had begun it. */
  isWithdrawn(id: string) {
    return this.#accepted.has(withdrawnId(id))
  }

  /**
   * Reads the line of an unsettled prompt, and the time (ISO 8601) at which it was accepted.
   * @returns undefined if the file is longer than `most` bytes, or cannot be read
   */
  read({ name }: Entry, most: number): { line: string; since: string } | undefined {
    // The feeder may move the file at any moment.
    for (const dir of [this.#folder.inbox, this.#folder.fed])
      try {
        const fd = openPlain(join(dir, name), constants.O_RDONLY, most)
        try {
          return { line: readFileSync(fd, 'utf8'), since: fstatSync(fd).mtime.toISOString() }
        } finally {
          closeSync(fd)
        }
      } catch {}
    return undefined
  }

  /**
   * True if the feeder has not yet written all input to the agent. Reads the disk only if there may be
   * unwritten input.
   */
  get waiting() {
    if (this.#allFed) return false
    this.#handOver()
    this.#allFed =
      !this.#late &&
      list(this.#folder.inbox).length === 0 &&
      list(this.#folder.fed).every(
        ({ kind, id }) => kind === 'prompt' && (!this.#unsettled.has(id) || this.#queued.has(id)),
      )
    return !this.#allFed
  }

  hasAccepted(id: string) {
    return this.#accepted.has(id)
  }

  /**
   * Accepts a line, unless its id was accepted before.
   * @param first deliver it before all other waiting input
   * @param marks further ids that are recorded as accepted in the same write
   * @throws the file system's error; the line is not accepted then
   */
  put(input: Input, { first = false, marks = [] }: { first?: boolean; marks?: string[] } = {}) {
    if (this.#accepted.has(input.id)) return
    const entry = {
      name: nameOf(first ? 0 : this.#seq, input),
      seq: first ? 0 : this.#seq,
      kind: input.kind,
      id: input.id,
    }
    const temp = join(this.#folder.dir, `${entry.name}.${process.pid}.tmp`)
    try {
      const fd = createPlain(temp)
      try {
        const bytes = Buffer.from(`${input.line}\n`)
        for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done)
        // A prompt is a user's work, so it must survive a crash of the machine.
        if (input.kind === 'prompt') fsyncSync(fd)
      } finally {
        closeSync(fd)
      }
      this.#accepted.add([...marks, input.id])
    } catch (error) {
      rmSync(temp, { force: true })
      throw error
    }
    this.#late = true
    this.#handOver()
    if (!first) this.#seq++
    this.#allFed = false
    if (input.kind === 'prompt') this.#unsettled.set(input.id, entry)
    this.events.emit('put', input)
  }

  /** Records an id without input. @throws the file system's error; the id is not recorded then */
  record(id: string) {
    this.#accepted.add([id])
  }

  /** Records an id without input. If the disk is full, the id is remembered only until this daemon ends. */
  mark(id: string) {
    this.#accepted.mark(id)
  }

  /** Processes an event about a prompt. @returns whether the number of unsettled prompts has changed */
  heard(event: Event): boolean {
    if (event.kind === 'prompt_state' && event.state === 'queued') this.markQueued(event.prompt_id)
    // Both kinds of events mean that the runtime has begun the prompt; older versions only echo the prompt.
    else if ((event.kind === 'prompt_state' || event.kind === 'user') && event.prompt_id !== undefined) {
      const before = this.unsettledCount
      if (event.kind === 'prompt_state' && event.state === 'cancelled') this.#onCancelled(event.prompt_id)
      this.settle(event.prompt_id)
      return before !== this.unsettledCount
    }
    return false
  }

  /**
   * Records that the runtime has queued this prompt. The runtime loses the prompt if it ends before it begins
   * the prompt.
   */
  markQueued(id: string) {
    if (this.#unsettled.has(id)) this.#queued.add(id)
  }

  /**
   * Deletes the file of a prompt that the runtime has begun. The feeder itself deletes the files of controls.
   */
  settle(id: string) {
    const entry = this.#unsettled.get(id)
    if (!entry) return
    this.#unsettled.delete(id)
    this.#queued.delete(id)
    rmSync(join(this.#folder.fed, entry.name), { force: true })
  }

  /** Withdraws an unsettled prompt while the agent has no process. @throws the file system's error */
  withdraw(id: string) {
    this.#handOver()
    const entry = this.#unsettled.get(id)
    if (!entry) return
    takeAway(this.#folder, entry.name)
    this.#onTakenAway(entry.name)
    this.settle(id)
  }

  /**
   * Prepares for a new run. Called while no feeder is running. Prompts that the last run received but did not
   * begin will be fed again. Controls are deleted, since they were meant for a process that has ended.
   */
  requeue() {
    this.#handOver()
    this.#queued.clear()
    this.#allFed = false
    for (const entry of list(this.#folder.fed)) {
      const path = join(this.#folder.fed, entry.name)
      if (entry.kind === 'prompt' && this.#unsettled.has(entry.id))
        renameSync(path, join(this.#folder.inbox, entry.name))
      else rmSync(path, { force: true })
    }
    for (const entry of list(this.#folder.inbox))
      if (entry.kind === 'control') rmSync(join(this.#folder.inbox, entry.name), { force: true })
  }

  /** Wakes the feeder. Never blocks. A feeder that starts later checks `in/` without being woken. */
  ring() {
    let fd: number | undefined
    try {
      fd = openSync(this.#folder.bell, constants.O_WRONLY | constants.O_NONBLOCK)
      writeSync(fd, '\n')
    } catch (error) {
      // No feeder is running (ENXIO, ENOENT), or the FIFO `bell` is full (EAGAIN).
      if (!['ENXIO', 'ENOENT', 'EAGAIN'].includes(systemCode(error) ?? '')) throw error
    } finally {
      if (fd !== undefined) closeSync(fd)
    }
  }

  /** Records that a prompt was withdrawn. Its file stays until this is on the disk. */
  #onTakenAway(name: string) {
    const entry = entryOf(name)
    if (entry && this.#accepted.mark(withdrawnId(entry.id))) deleteTaken(this.#folder, name)
  }

  /** Records that a prompt was dropped that the runtime had not begun. */
  #onCancelled(id: string) {
    const entry = this.#unsettled.get(id)
    if (!entry) return
    this.mark(withdrawnId(id))
    // The daemon was killed while it withdrew the prompt.
    rmSync(join(this.#folder.inbox, entry.name), { force: true })
  }

  /**
   * Moves accepted input into `in/`. Deletes incomplete input: a daemon was killed while it wrote the input,
   * and had not accepted it yet. Completes withdrawals.
   */
  #handOver() {
    if (!this.#late) return
    try {
      for (const name of readdirSync(this.#folder.dir)) this.#finish(name)
      this.#late = false
    } catch {
      // The input stays accepted, and the next call retries.
    }
    this.ring()
  }

  #finish(name: string) {
    const taken = takenName(name)
    if (taken !== undefined) return this.#onTakenAway(taken)
    const [, target] = /^(\d{12}_(?:prompt|control)_.+)\.\d+\.tmp$/.exec(name) ?? []
    const entry = target === undefined ? undefined : entryOf(target)
    if (!entry) return
    const path = join(this.#folder.dir, name)
    if (this.#accepted.has(entry.id)) renameSync(path, join(this.#folder.inbox, entry.name))
    else rmSync(path, { force: true })
  }
}
