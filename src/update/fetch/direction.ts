import compare from 'semver/functions/compare.js'
import type { UpdateConfig } from '../../config/update-config.ts'
import { UpdateFailure } from '../failure.ts'
import type { UpdateRecord } from '../record.ts'

export interface Step {
  /** Version of this program. */
  running: string
  resolved: string
  /** The requested version or dist-tag. */
  requested: string
  origin: UpdateRecord['origin']
  /** True if the request allows an older version. */
  allowDowngrade: boolean
}

/** The setting and the history of this machine that decide whether an older version is permitted. */
export interface Ground {
  /** True if a server may order any older version. */
  allow_downgrade: boolean
  /** Versions that a server has welcomed on this machine. */
  confirmed: readonly string[]
}

/**
 * If the settings disable updates, refuses every update that was not requested by a user of this machine.
 * @throws UpdateFailure
 */
export function checkEnabled({ enabled }: Pick<UpdateConfig, 'enabled'>, origin: UpdateRecord['origin']) {
  if (enabled || origin === 'local') return
  throw new UpdateFailure('update_refused', 'resolve', 'Updates are disabled on this machine.', {
    remedy: 'Set enabled under [update] in its configuration file, or run `fomular-daemon update` there.',
  })
}

/**
 * Refuses a version that failed on this machine, unless a person or a server has ordered it. A dist-tag may
 * point to such a version.
 * @throws UpdateFailure
 */
export function checkGood(
  { origin, requested }: Pick<Step, 'origin' | 'requested'>,
  resolved: string,
  bad: UpdateRecord['bad_versions'],
) {
  const unasked = origin === 'refusal' || origin === 'schedule'
  if (!unasked || !bad.some((known) => known.version === resolved)) return
  throw new UpdateFailure(
    'update_refused',
    'resolve',
    `${requested} is ${resolved}, which failed on this machine before and is retried only on request.`,
  )
}

/** Refuses a downgrade unless it was requested explicitly and is allowed. @throws UpdateFailure */
export function checkDirection(
  { running, resolved, requested, origin, allowDowngrade }: Step,
  ground: Ground,
) {
  if (compare(resolved, running) >= 0) return
  const refuse = (message: string, remedy: string) =>
    new UpdateFailure('update_downgrade', 'resolve', message, { remedy })
  if (!allowDowngrade)
    throw refuse(
      `${resolved} is older than ${running}, the running version.`,
      'To downgrade anyway, allow an older version explicitly.',
    )
  // A registry can move its dist-tags at will.
  if (requested !== resolved)
    throw refuse(
      `${requested} is ${resolved}, which is older than ${running}, the running version.`,
      `To downgrade anyway, name that version: ${resolved}`,
    )
  if (origin === 'local' || ground.allow_downgrade || ground.confirmed.includes(resolved)) return
  throw refuse(
    `${resolved} is older than ${running}, the running version, and was never confirmed on this machine: a server may not order it.`,
    `Run \`fomular-daemon update ${resolved} --allow-downgrade\` there, or set allow_downgrade under [update] in its configuration file.`,
  )
}
