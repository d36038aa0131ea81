import type { Cleanup } from '../support/temp.ts'
import type { Figure } from './figure.ts'

export interface Options {
  /** As little as shows that it runs; the figures mean nothing. */
  quick: boolean
  /** Tells what is going on. */
  say(text: string): void
}

export interface Benchmark {
  name: string
  about: string
  run(t: Cleanup, options: Options): Promise<Figure[]>
}
