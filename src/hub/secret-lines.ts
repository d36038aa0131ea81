import { open } from 'node:fs/promises'

interface Place {
  at: number
  bytes: number
}

const BLANKS = Buffer.alloc(64 * 1024, ' ')

/**
 * Where a file has lines with secrets, by the ids of their commands. A line that has served its purpose is overwritten
 * with blanks where it stands: that needs no room on the disk, and costs no more than the line is long.
 */
export class SecretLines {
  readonly #places = new Map<string, Place>()
  #due: Place[] = []

  /** Ids of the commands whose secrets are kept. */
  get ids(): string[] {
    return [...this.#places.keys()]
  }

  keep(id: string, place: Place) {
    this.#places.set(id, place)
  }

  /** The secrets of this command are not needed any more. */
  release(id: string) {
    const place = this.#places.get(id)
    if (place) this.giveUp(place)
    this.#places.delete(id)
  }

  /** What is at this place is of no use, whatever it is. */
  giveUp(place: Place) {
    this.#due.push(place)
  }

  /** Overwrites what is not needed any more. What fails is tried again the next time. @throws the system's error */
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
