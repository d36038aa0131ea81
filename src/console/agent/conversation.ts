import type { Event } from '../../protocol/events.ts'
import type { Block } from './block.ts'
import { Known } from './reading/known.ts'
import { Reader } from './reading/reader.ts'
import { Stretch } from './reading/stretch.ts'

/**
 * The blocks of a conversation, from its events. Appended events and older pages take time for their own
 * length only. After other changes, such as removed events, all events are read again.
 */
export class Conversation {
  #known = new Known()
  #stretch = new Stretch(false)
  #reader = new Reader(this.#known, this.#stretch)
  #first: Event | undefined
  #last: Event | undefined
  #count = 0

  /** The blocks, oldest first. Blocks that did not change are the same objects as before. */
  get blocks(): readonly Block[] {
    return this.#known.root.blocks
  }

  /** @param events consecutive events, oldest first; events that did not change are the same objects as before */
  set(events: readonly Event[]) {
    const start = this.#first === undefined ? 0 : events.indexOf(this.#first)
    const end = start + this.#count
    if (start === -1 || end > events.length || (this.#count > 0 && events[end - 1] !== this.#last)) {
      this.#readAgain(events)
    } else {
      if (start > 0) this.#readOlder(events, start)
      for (let at = end; at < events.length; at++) this.#reader.read(events[at]!)
    }
    this.#first = events[0]
    this.#last = events.at(-1)
    this.#count = events.length
  }

  #readOlder(events: readonly Event[], count: number) {
    const older = new Stretch(true)
    const reader = new Reader(this.#known, older)
    for (let at = 0; at < count; at++) reader.read(events[at]!)
    this.#stretch.prepend(older)
    for (const list of this.#known.withOlder) list.prependOlder()
    this.#known.withOlder.clear()
  }

  #readAgain(events: readonly Event[]) {
    const { blocks } = this
    this.#known = new Known()
    this.#stretch = new Stretch(false)
    this.#reader = new Reader(this.#known, this.#stretch)
    for (const event of events) this.#reader.read(event)
    this.#known.root.reuse(blocks)
  }
}
