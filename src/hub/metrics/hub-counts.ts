import { Counter, Histogram } from '../../metrics/families.ts'
import type { Logger } from '../../platform/log.ts'
import { CommandErrorCode, Commands } from '../../protocol/index.ts'
import type { PushServices } from '../push/push-services.ts'
import type { CommandQueue } from '../registry/command-queue.ts'
import type { Journals } from '../store/journals.ts'

/** Upper bounds of the durations of writes to the store, in seconds. */
const COMMITS_S = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10]
/** Codes with which the hub itself fails a command. */
const OF_HUB = ['machine_not_found', 'key_revoked', 'version_blocked', 'order_withdrawn']

export interface HubCountsOptions {
  journals: Pick<Journals, 'events'>
  commands: Pick<CommandQueue, 'events'>
  services: Pick<PushServices, 'events'>
  logger: Logger
}

/** Counts what happens at a hub while it runs. */
export class HubCounts {
  readonly commits = new Histogram(
    'fomular_hub_commit_duration_seconds',
    'Durations of writes of activity to the store.',
    COMMITS_S,
  )
  readonly commands = new Counter('fomular_hub_commands', 'Commands that have an outcome.', {
    command: Object.keys(Commands),
    result: ['ok', ...CommandErrorCode.options, ...OF_HUB],
  })
  readonly pushes = new Counter('fomular_hub_push', 'Attempts to send a notification.', {
    result: ['delivered', 'gone', 'refused', 'failed'],
  })
  readonly #logger: Logger
  #hasFailed = false

  constructor({ journals, commands, services, logger }: HubCountsOptions) {
    this.#logger = logger
    journals.events.on('committed', (keys, durationMs) =>
      this.#try(() => {
        if (keys.length > 0 && durationMs !== undefined) this.commits.observe(durationMs / 1000)
      }),
    )
    commands.events.on('settled', ({ error }, command) =>
      this.#try(() => this.commands.add({ command, result: error?.code ?? 'ok' })),
    )
    services.events.on('answered', (status) =>
      this.#try(() => this.pushes.add({ result: pushResult(status) })),
    )
  }

  /** A failed count must not keep activity from the disk. */
  #try(count: () => void) {
    try {
      count()
    } catch (err) {
      if (!this.#hasFailed) this.#logger.warn({ err }, 'cannot count for the metrics')
      this.#hasFailed = true
    }
  }
}

function pushResult(status: number | undefined): string {
  if (status === undefined) return 'failed'
  if (status >= 200 && status < 300) return 'delivered'
  return status === 404 || status === 410 ? 'gone' : 'refused'
}
