import { Journal } from '../journal.ts'
import { AppendFile } from './append-file.ts'
import type { SharedDurability } from './commits/shared-journals.ts'
import type { JournalEnd } from './journal-end.ts'

/** The file with the activity of one agent. */
export class EventJournal extends Journal {
  readonly #file: AppendFile

  /** @param shared makes short lines durable together with those of other journals */
  constructor(path: string, { size, last }: JournalEnd, shared?: SharedDurability) {
    const file = new AppendFile(path, shared, size)
    super(file, last)
    this.#file = file
  }

  get path() {
    return this.#file.path
  }

  /** True if the next commit opens and syncs the file. */
  get isAlone() {
    return this.#file.isAlone
  }
}
