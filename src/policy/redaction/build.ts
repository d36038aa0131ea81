import type { Pattern, Units } from './parse-pattern.ts'

/** Maximum number of states of all patterns together. Each state can add to the time per character. */
const STATES = 1000
/** Maximum number of classes of characters. */
const CLASSES = 256
const UNITS = 0x10000

/** A transition from one state to another. */
export interface Edge {
  from: number
  to: number
  /** Classes of the characters that cause the transition; absent if it needs no character. */
  classes?: ReadonlySet<number>
}

/** The data of a finite automaton. */
export interface Built {
  edges: Edge[]
  start: number
  end: number
  /** Number of states. */
  count: number
  /** Class of each UTF-16 unit. No pattern distinguishes between units of the same class. */
  classOf: Uint8Array
}

type Way = Omit<Edge, 'classes'> & { units?: Units }

/** Builds an automaton that matches any of some patterns. @throws Error if the patterns are too large */
export function build(patterns: readonly Pattern[]): Built {
  const ways: Way[] = []
  let count = 0
  const state = () => {
    if (++count > STATES) throw new Error('are too long in total')
    return count - 1
  }
  const start = state()
  const end = state()
  const add = (pattern: Pattern, from: number): number => {
    if ('units' in pattern) {
      const to = state()
      ways.push({ from, to, units: pattern.units })
      return to
    }
    if ('sequence' in pattern) return pattern.sequence.reduce((at, part) => add(part, at), from)
    const to = state()
    if ('choice' in pattern) {
      for (const part of pattern.choice) ways.push({ from: add(part, from), to })
      return to
    }
    let at = from
    for (let n = 0; n < pattern.min; n++) at = add(pattern.repeat, at)
    if (pattern.max === Number.POSITIVE_INFINITY) {
      // Let the repetition return to a separate state, so that nothing before this part is repeated.
      const again = state()
      ways.push({ from: at, to: again }, { from: add(pattern.repeat, again), to: again })
      at = again
    } else
      for (let n = pattern.min; n < pattern.max; n++) {
        ways.push({ from: at, to })
        at = add(pattern.repeat, at)
      }
    ways.push({ from: at, to })
    return to
  }
  for (const pattern of patterns) ways.push({ from: add(pattern, start), to: end })
  return { ...classified(ways), start, end, count }
}

/** Divides all characters into classes, so that each edge accepts either all or no characters of a class. */
function classified(ways: readonly Way[]): Pick<Built, 'edges' | 'classOf'> {
  const borders = new Set(ways.flatMap(({ units = [] }) => units.flatMap(([from, to]) => [from, to + 1])))
  if (borders.size >= CLASSES) throw new Error('distinguish too many characters')
  const classOf = new Uint8Array(UNITS)
  const sorted = [...borders].sort((a, b) => a - b)
  sorted.forEach((border, index) => {
    classOf.fill(index + 1, border, sorted[index + 1] ?? UNITS)
  })
  const edges = ways.map(({ units, ...way }) => {
    if (!units) return way
    const classes = new Set<number>()
    for (const [from, to] of units)
      for (const border of [from, ...sorted])
        if (border >= from && border <= to) classes.add(classOf[border]!)
    return { ...way, classes }
  })
  return { edges, classOf }
}
