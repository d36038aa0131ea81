import valid from 'semver/functions/valid.js'
import { type Clock, isoTime } from '../../platform/clock.ts'
import type { Command, CommandError } from '../../protocol/index.ts'
import { HttpError } from '../http-error.ts'
import type { BlockedRecord } from '../store/rollout-records.ts'
import type { RecordList } from '../store/store.ts'

/** Maximum number of blocked versions. */
const MOST = 1000

/** Error code for blocked versions. */
const CODE = 'version_blocked'

/** The versions that the hub orders nowhere. */
export class BlockedVersions {
  readonly #store: RecordList<BlockedRecord>
  readonly #clock: Clock
  #all: readonly BlockedRecord[] = []

  constructor(store: RecordList<BlockedRecord>, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  /** Loads the versions. Called once. */
  async load(): Promise<void> {
    this.#all = await this.#store.all()
  }

  list(): readonly BlockedRecord[] {
    return this.#all
  }

  has(version: string): boolean {
    return this.#find(version) !== undefined
  }

  /** Returns the reason for which a command must not be sent. */
  refusalOf(command: Command): CommandError | undefined {
    const found = command.type === 'daemon:update' ? this.#find(command.version) : undefined
    return found && { code: CODE, message: messageOf(found) }
  }

  /** @throws HttpError if the version is blocked */
  refuse(version: string) {
    const found = this.#find(version)
    if (!found) return
    throw new HttpError(409, CODE, messageOf(found), {
      path: 'version',
      remedy: `Choose another version, or unblock it: \`fomular-daemon machine unblock ${version}\`.`,
    })
  }

  /** Blocks a version. @throws HttpError, or the system error */
  async block(version: string, by: string | undefined, reason: string | undefined): Promise<BlockedRecord> {
    const record: BlockedRecord = {
      version,
      ...(reason !== undefined && { reason }),
      ...(by !== undefined && { by }),
      at: isoTime(this.#clock.now()),
    }
    await this.#change((all) => {
      const others = all.filter((each) => !isSame(each.version, version))
      if (others.length >= MOST)
        throw new HttpError(409, 'too_many_versions', `${MOST} versions are blocked already.`, {
          remedy: 'Unblock a version that no registry offers any longer.',
        })
      return [...others, record]
    })
    return record
  }

  /** Unblocks a version. @throws HttpError if it is not blocked, or the system error */
  async unblock(version: string): Promise<void> {
    if (!this.has(version))
      throw new HttpError(404, 'version_not_blocked', `Version ${version} is not blocked.`, {
        remedy: 'List the blocked versions: `fomular-daemon machine blocked`.',
      })
    await this.#change((all) => all.filter((each) => !isSame(each.version, version)))
  }

  #find(version: string): BlockedRecord | undefined {
    return this.#all.find((each) => isSame(each.version, version))
  }

  async #change(edit: (all: readonly BlockedRecord[]) => readonly BlockedRecord[]): Promise<void> {
    let changed = this.#all
    await this.#store.change((stored) => {
      changed = edit(stored)
      return changed
    })
    this.#all = changed
  }
}

const messageOf = ({ version, reason }: BlockedRecord) =>
  `Version ${version} is blocked${reason === undefined ? '.' : `: ${reason}`}`

/** Registries ignore build metadata, such as +1, and a leading v. */
const isSame = (a: string, b: string) => a === b || (valid(a) !== null && valid(a) === valid(b))
