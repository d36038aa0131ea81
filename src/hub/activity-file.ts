import {
  closeSync,
  constants,
  fdatasync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  writeSync,
} from 'node:fs'
import { promisify } from 'node:util'
import type { Activity, Event } from '../protocol/index.ts'

const NEWLINE = 10
const CHUNK_BYTES = 64 * 1024

/** An event's place in its agent's history: the journal offset of its line, and its index among that line's events. */
export interface Place {
  offset: number
  index: number
}

export const isAfter = (event: Place, place: Place) =>
  event.offset > place.offset || (event.offset === place.offset && event.index > place.index)

/**
 * One agent's activity: a line per frame, `{"from":…,"to":…,"events":[…]}`, in the order of the agent's journal. The
 * file's last line says how far the hub has it, so there is nothing else to keep in step with it.
 */
export class ActivityFile {
  readonly #fd: number
  #size: number
  #have: number

  constructor(path: string) {
    this.#fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_APPEND, 0o600)
    this.#size = fstatSync(this.#fd).size
    // A line that was torn by a crash was never acknowledged: it comes again.
    const end = this.#lineStart(this.#size)
    if (end < this.#size) this.#truncate(end)
    const last = this.#size === 0 ? undefined : this.#lineAt(this.#lineStart(this.#size - 1))
    this.#have = last ? headOf(last.text).to : 0
  }

  /** How far the agent's journal is in here. */
  get have() {
    return this.#have
  }

  get size() {
    return this.#size
  }

  /** @throws the file system's error, with nothing appended */
  append({ from, to, events }: Pick<Activity, 'from' | 'to' | 'events'>) {
    const line = Buffer.from(`${JSON.stringify({ from, to, events })}\n`)
    try {
      for (let done = 0; done < line.length; ) done += writeSync(this.#fd, line, done)
    } catch (error) {
      this.#truncate(this.#size)
      throw error
    }
    this.#size += line.length
    this.#have = to
  }

  sync(): Promise<void> {
    return promisify(fdatasync)(this.#fd)
  }

  /**
   * Events behind `place`, of at least one frame if there is one, until about `budget` bytes of the file were read.
   * @param position where an earlier call left off
   */
  read(
    place: Place,
    budget: number,
    position = this.#find(place.offset),
  ): { events: Event[]; position: number } {
    const events: Event[] = []
    const start = position
    let at = position
    while (at < this.#size && at - start < budget) {
      const line = this.#lineAt(at)
      if (!line) break
      at = line.end
      for (const event of eventsOf(line.text)) if (isAfter(event, place)) events.push(event)
    }
    return { events, position: at }
  }

  close() {
    closeSync(this.#fd)
  }

  #truncate(size: number) {
    ftruncateSync(this.#fd, size)
    this.#size = size
  }

  /** Where the last frame that begins at or before `offset` is: a binary search over lines that name their offsets. */
  #find(offset: number): number {
    let low = 0
    let high = this.#size
    while (low < high) {
      const start = this.#lineStart(Math.floor((low + high) / 2))
      const line = this.#lineAt(start)
      if (!line || headOf(line.text).from > offset) high = start
      else if (headOf(line.text).to > offset || line.end >= high) return start
      else low = line.end
    }
    return low
  }

  /** Start of the line that `position` is in; behind the last newline when it is the end of the file. */
  #lineStart(position: number): number {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES)
    for (let end = position; end > 0; ) {
      const from = Math.max(0, end - CHUNK_BYTES)
      readSync(this.#fd, chunk, 0, end - from, from)
      const newline = chunk.subarray(0, end - from).lastIndexOf(NEWLINE)
      if (newline !== -1) return from + newline + 1
      end = from
    }
    return 0
  }

  #lineAt(start: number): { text: string; end: number } | undefined {
    const chunks: Buffer[] = []
    for (let at = start; at < this.#size; ) {
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, this.#size - at))
      const got = readSync(this.#fd, chunk, 0, chunk.length, at)
      if (got === 0) return undefined
      const newline = chunk.subarray(0, got).indexOf(NEWLINE)
      if (newline !== -1) {
        chunks.push(chunk.subarray(0, newline))
        return { text: Buffer.concat(chunks).toString('utf8'), end: at + newline + 1 }
      }
      chunks.push(chunk.subarray(0, got))
      at += got
    }
    return undefined
  }
}

function headOf(line: string): { from: number; to: number } {
  const [, from, to] = /^\{"from":(\d+),"to":(\d+),/.exec(line) ?? []
  return { from: Number(from ?? 0), to: Number(to ?? 0) }
}

function eventsOf(line: string): Event[] {
  try {
    return (JSON.parse(line) as Activity).events
  } catch {
    // A disk that lost what it had: the rest of the history is still worth reading.
    return []
  }
}
