import type { Activity } from '../../protocol/index.ts'

/**
 * Returns the path of the first offset or index that is out of order; undefined if all are in order. Searches
 * by offset rely on the order.
 */
export function disorder({ from, to, events }: Activity): string | undefined {
  if (to < from) return 'to'
  let last = { offset: from, index: -1 }
  for (const [n, event] of events.entries()) {
    if (event.offset >= to || event.offset < last.offset) return `events.${n}.offset`
    if (event.offset === last.offset && event.index <= last.index) return `events.${n}.index`
    last = event
  }
  return undefined
}
