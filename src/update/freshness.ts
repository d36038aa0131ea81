import { RELEASE_DATE } from '../platform/release.ts'
import { VERSION } from '../platform/version.ts'
import { UpdateFailure } from './failure.ts'
import type { UpdateRecord } from './record.ts'

const DAY_MS = 86_400_000
/** From here on somebody may be keeping newer releases back. */
const OLD_DAYS = 90

/** Whether somebody has asked for this very version. A schedule asks for what the registry has under a dist-tag. */
export const isNamed = (
  { requested, origin }: { requested: string; origin: UpdateRecord['origin'] },
  version: string,
): boolean => requested === version && origin !== 'schedule'

export interface Candidate {
  version: string
  /** What was asked for: the version itself, or a dist-tag. */
  requested: string
  /** Somebody has chosen this version, and not only what the registry has under a dist-tag. */
  named: boolean
  /** By its manifest. */
  date: string
  now: number
}

/** Whole days since a date. */
const daysSince = (date: string, now: number) => Math.floor((now - Date.parse(date)) / DAY_MS)

const day = (date: string) => date.slice(0, 10)

/**
 * Compares a release with the one that runs by their signed dates: a registry can call any release the newest.
 * @param runs when the release that runs was made
 * @param maxDays of the settings
 * @returns what there is to warn of
 * @throws UpdateFailure
 */
export function checkFreshness(
  { version, requested, named, date, now }: Candidate,
  { runs, maxDays }: { runs: string | undefined; maxDays: number | undefined },
): string | undefined {
  if (runs !== undefined && Date.parse(date) < Date.parse(runs) && !named)
    throw new UpdateFailure(
      'update_downgrade',
      'verify',
      `${requested} is ${version}, which was made on ${day(date)}, before what runs (${day(runs)}).`,
      { remedy: `Name that version, if that is what you want: ${version}` },
    )
  const age = daysSince(date, now)
  if (maxDays !== undefined && age > maxDays)
    throw new UpdateFailure(
      'update_refused',
      'verify',
      `${version} was made on ${day(date)}, ${age} days ago; this machine takes nothing older than ${maxDays} days.`,
      { remedy: 'Find out why there is nothing newer, or raise max_age_days under [update].' },
    )
  return age > OLD_DAYS ? oldText(version, date, now) : undefined
}

const oldText = (version: string, date: string, now: number) =>
  `${version} was made on ${day(date)}, ${daysSince(date, now)} days ago. Compare it with what its makers have released: a registry may be keeping newer releases back.`

/** What there is to warn of where nothing newer than this program is to be had; undefined while it is not old. */
export const ownAge = (now = Date.now()): string | undefined =>
  RELEASE_DATE !== undefined && daysSince(RELEASE_DATE, now) > OLD_DAYS
    ? oldText(VERSION, RELEASE_DATE, now)
    : undefined
