import { compare } from 'semver'
import { UpdateFailure } from './failure.ts'
import type { UpdateRecord } from './record.ts'

export interface Step {
  /** The version that runs. */
  from: string
  to: string
  /** What was asked for: `to` itself, or a dist-tag. */
  requested: string
  origin: UpdateRecord['origin']
  /** Whoever asked for it says that it may be an older one. */
  allowDowngrade: boolean
}

/** What this machine says about older versions. */
export interface Ground {
  /** A server may order any. */
  allow_downgrade: boolean
  /** Versions that have been confirmed here. */
  confirmed: readonly string[]
}

/** Refuses a version that has failed here, where nobody has ordered it: it may be behind a dist-tag. @throws UpdateFailure */
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
    `${version} is ${to}, which failed on this machine before: it is not tried again without an order.`,
  )
}

/** Refuses a way back that nobody who may has chosen. @throws UpdateFailure */
export function checkDirection({ from, to, requested, origin, allowDowngrade }: Step, ground: Ground) {
  if (compare(to, from) >= 0) return
  const refuse = (message: string, remedy: string) =>
    new UpdateFailure('update_downgrade', 'resolve', message, { remedy })
  if (!allowDowngrade)
    throw refuse(`${to} is older than ${from}, which runs.`, 'Allow a downgrade, if that is what you want.')
  // A registry moves its tags as it likes.
  if (requested !== to)
    throw refuse(
      `${requested} is ${to}, which is older than ${from}, which runs.`,
      `Name that version, if that is what you want: ${to}`,
    )
  if (origin === 'local' || ground.allow_downgrade || ground.confirmed.includes(to)) return
  throw refuse(
    `${to} is older than ${from}, which runs, and was never confirmed on this machine: a server may not order it.`,
    `Run \`fomular-daemon update ${to} --allow-downgrade\` there, or set allow_downgrade under [update] in its configuration file.`,
  )
}
