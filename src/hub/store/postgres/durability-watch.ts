import type { Clock, Timer } from '../../../platform/clock.ts'
import type { Logger } from '../../../platform/log.ts'
import type { Durability } from '../store.ts'
import type { Database } from './database.ts'

/** Interval at which the settings are read: after a failover, another server has other settings. */
const READ_MS = 60_000

const SETTINGS = ['fsync', 'full_page_writes', 'synchronous_commit', 'synchronous_standby_names'] as const
type Settings = Partial<Record<(typeof SETTINGS)[number], string>>

/** Follows what the settings of the database promise about committed changes, and logs it. */
export class DurabilityWatch {
  readonly #options: { database: Database; clock: Clock; logger: Logger }
  #level: Durability = 'disk'
  /** Settings in the log. */
  #logged = ''
  #timer: Timer | undefined
  #closed = false

  constructor(options: { database: Database; clock: Clock; logger: Logger }) {
    this.#options = options
  }

  get level(): Durability {
    return this.#level
  }

  /** Reads the settings, and again at intervals. @throws StoreUnavailableError, or the error of the database */
  async start(): Promise<void> {
    await this.#read()
    this.#schedule()
  }

  close() {
    this.#closed = true
    if (this.#timer) this.#options.clock.clearTimeout(this.#timer)
  }

  #schedule() {
    if (this.#closed) return
    const again = () =>
      void this.#read()
        .catch(() => {})
        .then(() => this.#schedule())
    this.#timer = this.#options.clock.setTimeout(again, READ_MS).unref()
  }

  async #read(): Promise<void> {
    const rows = await this.#options.database.run(
      (sql) => sql<{ name: string; setting: string }[]>`
        select name, setting from pg_settings where name = any(${[...SETTINGS]}::text[]) order by name`,
    )
    const settings: Settings = Object.fromEntries(rows.map(({ name, setting }) => [name, setting]))
    this.#level = levelOf(settings)
    const text = JSON.stringify(settings)
    if (text === this.#logged) return
    this.#logged = text
    this.#log(settings)
  }

  #log(settings: Settings) {
    const { logger } = this.#options
    const { fsync, full_page_writes, synchronous_commit, synchronous_standby_names } = settings
    for (const [setting, value] of Object.entries({ fsync, full_page_writes, synchronous_commit }))
      if (value === 'off')
        logger.warn(
          { setting },
          `the database has ${setting} = off: it may lose activity that the hub has acknowledged`,
        )
    logger.info({ synchronous_commit, synchronous_standby_names }, TEXTS[this.#level])
  }
}

const TEXTS: Record<Durability, string> = {
  standby:
    'the database acknowledges changes when a synchronous standby has them: a standby that takes over lacks nothing',
  disk: 'the database acknowledges changes when they are on its own disk: a standby that takes over may lack the latest ones',
  memory: 'the database acknowledges changes before they are on a disk',
}

function levelOf({ fsync, full_page_writes, synchronous_commit, synchronous_standby_names }: Settings) {
  if ([fsync, full_page_writes, synchronous_commit].includes('off')) return 'memory'
  return synchronous_standby_names && synchronous_commit !== 'local' ? 'standby' : 'disk'
}
