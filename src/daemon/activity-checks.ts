import type { RuntimeAdapter } from '../agents/runtimes/runtime.ts'
import { foreignTime } from '../platform/clock.ts'
import { type Event, Limits } from '../protocol/index.ts'
import { cut } from '../protocol/shorten.ts'
import type { Problems } from './problems.ts'

/**
 * Reports that the machine's account has exceeded a usage limit, or that its login was refused. Both problems
 * are visible in an agent's events.
 */
export function checkAccount(
  event: Event,
  { loginRemedy: remedy }: Pick<RuntimeAdapter, 'loginRemedy'>,
  problems: Problems,
) {
  if (event.kind === 'rate_limit') {
    if (event.status !== 'rejected') return problems.clear('usage_limit')
    // The service is short of capacity. This says nothing about the account.
    if (event.limit === undefined) return
    const until = event.resets_at === undefined ? undefined : foreignTime(event.resets_at * 1000)
    problems.report('usage_limit', {
      severity: 'warning',
      message: `The usage limit (${event.limit}) of the account on this machine is reached.`,
      ...(until && { until, remedy: `It resets at ${until}.` }),
    })
  } else if (event.kind === 'turn_result') {
    if (event.api_error_status === 401 || event.api_error_status === 403)
      problems.report('login_expired', {
        severity: 'error',
        message:
          cut(event.text ?? '', Limits.sentence_chars) ||
          'The model service refuses the login of the agents on this machine.',
        remedy,
      })
    else if (!event.is_error) problems.clear('login_expired')
  }
}

/** Reports agents whose restart is delayed because they ended again after every restart. */
export function checkCrashLoops(agents: { id: string; heldUntil: number | undefined }[], problems: Problems) {
  if (agents.length === 0) return problems.clear('crash_loop')
  const until = Math.min(...agents.map(({ heldUntil = 0 }) => heldUntil))
  problems.report('crash_loop', {
    severity: 'warning',
    message: `Restarting did not help: ${agents.map(({ id }) => id).join(', ')} ended again each time.`,
    remedy:
      'Check the log and the stderr output of these agents. Stop them, or resume them when the cause is fixed.',
    until: new Date(until).toISOString(),
  })
}
