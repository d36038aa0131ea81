import type { Cleanup } from '../support/temp.ts'
import type { Figure } from './figure.ts'

export interface Options {
  /** True for a minimal run that only shows that everything works; its figures mean nothing. */
  quick: boolean
  /** True to measure also what takes an hour. */
  long: boolean
  /** Reports progress. */
  say(text: string): void
}

export interface Benchmark<R = Figure[]> {
  name: string
  about: string
  run(t: Cleanup, options: Options): Promise<R>
}
