/** Identifies an event of an agent. Pages and streams continue after a given id. */
export interface EventId {
  offset: number
  index: number
}

export const formatEventId = ({ offset, index }: EventId) => `${offset}.${index}`

/** Maximum offset, far beyond any real journal. The sum of two such offsets is still exact. */
export const MAX_OFFSET = 2 ** 52

/** Id before all events. */
export const BEGINNING: EventId = { offset: -1, index: 0 }

/** Id after all events. */
export const END: EventId = { offset: MAX_OFFSET, index: 0 }

/** Returns an id after all events before `offset`. */
export const endOf = (offset: number): EventId => ({ offset: offset - 1, index: Number.MAX_SAFE_INTEGER })

/** Returns a parsed id; undefined if it is invalid. */
export function parseEventId(text: string): EventId | undefined {
  const [, offset, index] = /^(\d{1,16})\.(\d{1,16})$/.exec(text) ?? []
  return offset === undefined ? undefined : { offset: Number(offset), index: Number(index) }
}

export const isAfter = (event: EventId, other: EventId) =>
  event.offset > other.offset || (event.offset === other.offset && event.index > other.index)
