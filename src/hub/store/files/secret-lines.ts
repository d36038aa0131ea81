import { open } from 'node:fs/promises'

interface Place {
  at: number
  bytes: number
}

const BLANKS = Buffer.alloc(64 * 1024, ' ')

/**
 * Positions of lines with secrets in a file, by command id. Lines that are no longer needed are overwritten
 * in place with spaces. This needs no disk space, and takes time in proportion to the length of the line.
 */
export class SecretLines {
  readonly #places = new Map<string, Place>()
  #due: Place[] = []

  /** Ids of commands whose secrets are kept. */
  get ids(): string[] {
    return [...this.#places.keys()]
  }

  keep(id: string, place: Place) {
    this.#places.set(id, place)
  }

  /** Marks the line of a command for erasure. */
  release(id: string) {
    const place = this.#places.get(id)
    if (place) this.giveUp(place)
    this.#places.delete(id)
  }

  /** Marks a position for erasure. */
  giveUp(place: Place) {
    this.#due.push(place)
  }

  /** Overwrites the marked positions. On failure, the next call retries. @throws the system error */
  async erase(path: string): Promise<void> {
    if (this.#due.length === 0) return
    const file = await open(path, 'r+')
    try {
      for (const { at, bytes } of this.#due)
        for (let done = 0; done < bytes; )
          done += (await file.write(BLANKS, 0, Math.min(BLANKS.length, bytes - done), at + done)).bytesWritten
      await file.datasync()
      this.#due = []
    } finally {
      await file.close()
    }
  }
}
