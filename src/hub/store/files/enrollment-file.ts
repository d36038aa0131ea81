import * as z from 'zod/mini'
import { readJson, setAside, writeAtomic } from '../../../platform/files.ts'
import type { Logger } from '../../../platform/log.ts'
import { EnrollmentRecord } from '../records.ts'
import type { EnrollmentStore } from '../store.ts'

const EnrolmentsFile = z.object({ version: z.literal(1), enrolments: z.array(EnrollmentRecord) })

/** `enrolments.json`: stores only the hashes of tokens. */
export class EnrollmentFile implements EnrollmentStore {
  readonly #path: string
  #all: readonly EnrollmentRecord[] = []

  /** Renames a damaged file. @throws UserError if a newer version wrote the file */
  constructor({ path, logger }: { path: string; logger: Logger }) {
    this.#path = path
    const read = readJson(path, EnrolmentsFile)
    if (read.ok) this.#all = read.value.enrolments
    else if (read.reason === 'damaged')
      logger.error({ aside: setAside(path), problem: read.problem }, 'damaged list of enrollments renamed')
  }

  async all(): Promise<readonly EnrollmentRecord[]> {
    return this.#all
  }

  async change(edit: (all: readonly EnrollmentRecord[]) => readonly EnrollmentRecord[]): Promise<void> {
    const enrolments = edit(this.#all)
    writeAtomic(this.#path, JSON.stringify({ version: 1, enrolments }, null, 2), { durable: true })
    this.#all = enrolments
  }
}
