/** Identifies an event of an agent, and is the place of the event in the history. */
export interface EventId {
  offset: number
  index: number
}

/** Returns the id that a text from a hub contains. */
export function parseEventId(text: string): EventId {
  const [offset, index] = text.split('.').map(Number)
  return { offset: offset ?? 0, index: index ?? 0 }
}

export const formatEventId = ({ offset, index }: EventId) => `${offset}.${index}`

export const isBefore = (a: EventId, b: EventId) =>
  a.offset < b.offset || (a.offset === b.offset && a.index < b.index)
