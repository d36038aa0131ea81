import {
  appendFileSync,
  closeSync,
  constants,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import type { Event } from '../protocol/index.ts'
import type { AgentFolder } from './folder.ts'
import type { Input } from './runtimes/runtime.ts'

interface Entry {
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
 * Input on its way to an agent. Each line is a file in `in/`; the feeder beside the agent moves it to `fed/` and writes
 * it to the agent. A line is accepted once its id is in `inputs.jsonl`; its file is there by then, and whoever finds it
 * outside of `in/` moves it there. From then on it needs no daemon.
 */
export class Inbox {
  readonly #folder: AgentFolder
  /** Ids ever accepted. */
  readonly #accepted = new Set<string>()
  /** Prompts the runtime has not yet said it has begun with, by id. */
  readonly #unsettled = new Map<string, Entry>()
  /** Of those, the ones that the present run has in its memory: another run will not. */
  readonly #queued = new Set<string>()
  /** Something accepted is not in `in/` yet. */
  #late = true
  #seq = 1
  #allFed = false

  constructor(folder: AgentFolder) {
    this.#folder = folder
    for (const id of readLog(folder.inputs)) this.#accepted.add(id)
    this.#handOver()
    for (const entry of [...list(folder.fed), ...list(folder.inbox)]) {
      this.#seq = Math.max(this.#seq, entry.seq + 1)
      if (!this.#accepted.has(entry.id)) this.#record(entry.id)
      if (entry.kind === 'prompt') this.#unsettled.set(entry.id, entry)
    }
  }

  /** Prompts accepted that the runtime has not said it has begun with. */
  get unsettled() {
    return this.#unsettled.size
  }

  /** Whether the feeder has not given the agent all there is. Looks on the disk only while there may be something. */
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

  accepted(id: string) {
    return this.#accepted.has(id)
  }

  /**
   * Accepts one line; an id that was accepted before is not accepted again.
   * @param first before everything else that waits
   * @param marks ids that are accepted with it, or not at all
   * @throws the file system's error, with nothing accepted
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
      const fd = openSync(temp, 'w', 0o600)
      try {
        const bytes = Buffer.from(`${input.line}\n`)
        for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done)
        // A prompt is somebody's work: it is to survive the machine, too.
        if (input.kind === 'prompt') fsyncSync(fd)
      } finally {
        closeSync(fd)
      }
      this.#log([...marks, input.id])
    } catch (error) {
      rmSync(temp, { force: true })
      throw error
    }
    this.#late = true
    this.#handOver()
    if (!first) this.#seq++
    this.#allFed = false
    if (input.kind === 'prompt') this.#unsettled.set(input.id, entry)
  }

  /** Remembers an id that is no input of its own: on a full disk for as long as this daemon lives. */
  mark(id: string) {
    if (!this.#accepted.has(id)) this.#record(id)
  }

  /** Takes in what an event tells about prompts. @returns whether the number of unsettled prompts has changed */
  heard(event: Event): boolean {
    if (event.kind === 'prompt_state' && event.state === 'queued') this.queued(event.prompt_id)
    // Both mean that the runtime has begun with the prompt; older versions only echo it.
    else if ((event.kind === 'prompt_state' || event.kind === 'user') && event.prompt_id !== undefined) {
      const before = this.unsettled
      this.settle(event.prompt_id)
      return before !== this.unsettled
    }
    return false
  }

  /** The runtime has this prompt, and will begin with it if it lives to. */
  queued(id: string) {
    if (this.#unsettled.has(id)) this.#queued.add(id)
  }

  /** The runtime has begun with this prompt: its file is not needed any more. The feeder removes controls itself. */
  settle(id: string) {
    const entry = this.#unsettled.get(id)
    if (!entry) return
    this.#unsettled.delete(id)
    this.#queued.delete(id)
    rmSync(join(this.#folder.fed, entry.name), { force: true })
  }

  /**
   * Before a new run, with no feeder alive: prompts that the last run took but never said it had begun with are to be fed
   * again, controls were for a process that is gone.
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

  /** Wakes the feeder. Never blocks: with no feeder there is nothing to wake, it looks when it starts. */
  ring() {
    let fd: number | undefined
    try {
      fd = openSync(this.#folder.bell, constants.O_WRONLY | constants.O_NONBLOCK)
      writeSync(fd, '\n')
    } catch (error) {
      // No feeder (ENXIO, ENOENT), or a bell already full of rings (EAGAIN).
      if (!['ENXIO', 'ENOENT', 'EAGAIN'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
    } finally {
      if (fd !== undefined) closeSync(fd)
    }
  }

  /** Moves what was accepted into `in/`; what a daemon that was killed had not come to accept is no more. */
  #handOver() {
    if (!this.#late) return
    try {
      for (const name of readdirSync(this.#folder.dir)) this.#finish(name)
      this.#late = false
    } catch {
      // Accepted all the same: it is tried again.
    }
    this.ring()
  }

  #finish(name: string) {
    const [, target] = /^(\d{12}_(?:prompt|control)_.+)\.\d+\.tmp$/.exec(name) ?? []
    const entry = target === undefined ? undefined : entryOf(target)
    if (!entry) return
    const path = join(this.#folder.dir, name)
    if (this.#accepted.has(entry.id)) renameSync(path, join(this.#folder.inbox, entry.name))
    else rmSync(path, { force: true })
  }

  #log(ids: string[]) {
    appendFileSync(this.#folder.inputs, ids.map((id) => `\n${id}`).join(''), { mode: 0o600 })
    for (const id of ids) this.#accepted.add(id)
  }

  #record(id: string) {
    try {
      this.#log([id])
    } catch {
      this.#accepted.add(id)
    }
  }
}

/** The leading newline of each entry keeps one that was torn from spoiling the next. */
function readLog(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
