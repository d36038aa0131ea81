import * as z from 'zod/mini'
import { readJson, writeAtomic } from '../../platform/files.ts'

/** Maximum number of remembered permissions. */
const MOST = 1000

/** `trusted.json` in the state folder: hashes over startup files that a person has permitted, the newest last. */
const TrustedRecord = z.object({
  version: z.literal(1),
  hashes: z.array(z.string()).check(z.maxLength(MOST)),
})

/** Remembers which startup files people have permitted. */
export class TrustedFiles {
  readonly #path: string
  #hashes: string[] | undefined

  constructor(path: string) {
    this.#path = path
  }

  has(hash: string): boolean {
    return this.#all().includes(hash)
  }

  /** @throws the system error */
  add(hash: string) {
    const hashes = [...this.#all().filter((other) => other !== hash), hash].slice(-MOST)
    writeAtomic(this.#path, JSON.stringify({ version: 1, hashes }), { durable: true })
    this.#hashes = hashes
  }

  #all(): string[] {
    if (!this.#hashes) {
      const read = readJson(this.#path, TrustedRecord)
      this.#hashes = read.ok ? read.value.hashes : []
    }
    return this.#hashes
  }
}
