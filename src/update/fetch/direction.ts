import compare from 'semver/functions/compare.js'
import { UpdateFailure } from '../failure.ts'
import type { UpdateRecord } from '../record.ts'

export interface Step {
  /** The running version. */
  from: string
  to: string
  /** The request: `to` itself, or a dist-tag. */
  requested: string
  origin: UpdateRecord['origin']
  /** True if the request allows an older version. */
  allowDowngrade: boolean
}

/** Settings and history of this machine that decide about older versions. */
export interface Ground {
  /** True if a server may order any older version. */
  allow_downgrade: boolean
  /** Versions that were confirmed here. */
  confirmed: readonly string[]
}

/**
 * Refuses a version that failed here, unless it was ordered: a dist-tag may point to it.
 * @throws UpdateFailure
 */
export function checkGood(
  { origin, version }: { origin: UpdateRecord['origin']; version: string },
  to: string,
  bad: UpdateRecord['bad_versions'],
) {
  const unasked = origin === 'refusal' || origin === 'schedule'
  if (!unasked || !bad.some((known) => known.version === to)) return
  throw new UpdateFailure(
    'update_refused',
    'resolve',
    `${version} is ${to}, which failed on this machine before and is retried only on request.`,
  )
}

/** Refuses a downgrade unless it was requested explicitly and is allowed. @throws UpdateFailure */
export function checkDirection({ from, to, requested, origin, allowDowngrade }: Step, ground: Ground) {
  if (compare(to, from) >= 0) return
  const refuse = (message: string, remedy: string) =>
    new UpdateFailure('update_downgrade', 'resolve', message, { remedy })
  if (!allowDowngrade)
    throw refuse(
      `${to} is older than ${from}, the running version.`,
      'To downgrade anyway, allow it explicitly.',
    )
  // A registry can move its dist-tags at will.
  if (requested !== to)
    throw refuse(
      `${requested} is ${to}, which is older than ${from}, the running version.`,
      `To downgrade anyway, name that version: ${to}`,
    )
  if (origin === 'local' || ground.allow_downgrade || ground.confirmed.includes(to)) return
  throw refuse(
    `${to} is older than ${from}, the running version, and was never confirmed on this machine: a server may not order it.`,
    `Run \`fomular-daemon update ${to} --allow-downgrade\` there, or set allow_downgrade under [update] in its configuration file.`,
  )
}
