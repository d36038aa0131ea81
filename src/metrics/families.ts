import type { Family } from './family-schema.ts'

interface Described {
  /** Name with its unit, without the suffix `_total` or `_info`. */
  name: string
  help: string
}

/** Value of a label for everything that is not in the label's vocabulary. */
const OTHER = 'other'

/** Permitted values of each label. Without the vocabularies, a peer could create any number of time series. */
export type Vocabularies<L extends string> = Readonly<Record<L, readonly string[]>>

/** Returns `value` if it is in the vocabulary, otherwise `other`. */
const wordIn = (vocabulary: readonly string[], value: string): string =>
  vocabulary.includes(value) ? value : OTHER

/** A number that only increases, for each combination of labels. */
export class Counter<L extends string = never> {
  readonly #described: Described
  readonly #labels: Vocabularies<L>
  readonly #samples = new Map<string, { labels: Record<L, string>; value: number }>()

  constructor(name: string, help: string, labels: Vocabularies<L>) {
    this.#described = { name, help }
    this.#labels = labels
    if (Object.keys(labels).length === 0) this.add({} as Record<L, string>, 0)
  }

  add(labels: Readonly<Record<L, string>>, by = 1) {
    if (!(by >= 0)) return
    const names = Object.keys(this.#labels) as L[]
    const words = names.map((name) => wordIn(this.#labels[name], labels[name]))
    const key = words.join(' ')
    const sample = this.#samples.get(key)
    if (sample) sample.value += by
    else {
      const known = Object.fromEntries(names.map((name, at) => [name, words[at]])) as Record<L, string>
      this.#samples.set(key, { labels: known, value: by })
    }
  }

  family(): Family {
    return { ...this.#described, type: 'counter', samples: [...this.#samples.values()] }
  }
}

/** Counts observations by size. */
export class Histogram {
  readonly #described: Described
  readonly #bounds: readonly number[]
  readonly #counts: number[]
  #sum = 0
  #count = 0

  /** @param bounds upper bounds of the buckets, in ascending order */
  constructor(name: string, help: string, bounds: readonly number[]) {
    this.#described = { name, help }
    this.#bounds = bounds
    this.#counts = bounds.map(() => 0)
  }

  observe(value: number) {
    if (!(value >= 0)) return
    this.#sum += value
    this.#count += 1
    const at = this.#bounds.findIndex((bound) => value <= bound)
    if (at >= 0) this.#counts[at]! += 1
  }

  family(): Family {
    let count = 0
    const buckets = this.#bounds.map((upTo, at) => {
      count += this.#counts[at]!
      return { upTo, count }
    })
    return {
      ...this.#described,
      type: 'histogram',
      distribution: { buckets, sum: this.#sum, count: this.#count },
    }
  }
}

/** Returns a gauge without labels. */
export const gauge = (name: string, help: string, value: number): Family => ({
  name,
  help,
  type: 'gauge',
  samples: [{ value }],
})

/** Returns a gauge that gives the number of items for each combination of labels. */
export function census<T, L extends string>(
  name: string,
  help: string,
  items: Iterable<T>,
  labels: Vocabularies<L>,
  labelsOf: (item: T) => Readonly<Record<L, string>>,
): Family {
  const counter = new Counter(name, help, labels)
  for (const item of items) counter.add(labelsOf(item))
  return { ...counter.family(), type: 'gauge' } as Family
}

/** Returns the metric with the version of this program. */
export const buildInfo = (version: string): Family => ({
  name: 'fomular_build',
  help: 'Version of the program, and the platform that it runs on.',
  type: 'info',
  samples: [{ labels: { version, os: process.platform, arch: process.arch }, value: 1 }],
})
