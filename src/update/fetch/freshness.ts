import { RELEASE_DATE } from '../../platform/release.ts'
import { VERSION } from '../../platform/version.ts'
import { UpdateFailure } from '../failure.ts'
import type { UpdateRecord } from '../record.ts'

const DAY_MS = 86_400_000
/** Age in days from which a release causes a warning, because someone may be withholding newer releases. */
const OLD_DAYS = 90

/**
 * Reports whether a person or a server requested exactly this version. An update by the schedule counts as a
 * request for a dist-tag.
 */
export const isNamed = (
  { requested, origin }: { requested: string; origin: UpdateRecord['origin'] },
  resolved: string,
): boolean => requested === resolved && origin !== 'schedule'

export interface Candidate {
  resolved: string
  /** The request: the resolved version itself, or a dist-tag. */
  requested: string
  /** True if exactly this version was requested, not a dist-tag that points to it. */
  named: boolean
  /** The date in the manifest of the release. */
  date: string
  now: number
}

/** Returns the number of whole days since a date. */
const daysSince = (date: string, now: number) => Math.floor((now - Date.parse(date)) / DAY_MS)

const day = (date: string) => date.slice(0, 10)

/**
 * Compares the signed dates of a release and of the running release. This is necessary because a registry can
 * present any release as the newest.
 * @param runs date of the running release; undefined for any other build
 * @param maxDays `max_age_days` from the settings
 * @returns a warning, if there is one
 * @throws UpdateFailure
 */
export function checkFreshness(
  { resolved, requested, named, date, now }: Candidate,
  { runs, maxDays }: { runs: string | undefined; maxDays: number | undefined },
): string | undefined {
  if (runs !== undefined && Date.parse(date) < Date.parse(runs) && !named)
    throw new UpdateFailure(
      'update_downgrade',
      'verify',
      `${requested} is ${resolved}, dated ${day(date)}, which is older than the running version (${day(runs)}).`,
      { remedy: `To install it anyway, name that version: ${resolved}` },
    )
  const age = daysSince(date, now)
  if (maxDays !== undefined && age > maxDays)
    throw new UpdateFailure(
      'update_refused',
      'verify',
      `${resolved} is ${age} days old (${day(date)}); this machine accepts nothing older than ${maxDays} days.`,
      { remedy: 'Find out why there is no newer release, or raise max_age_days under [update].' },
    )
  return age > OLD_DAYS ? oldText(resolved, date, now) : undefined
}

const oldText = (version: string, date: string, now: number) =>
  `${version} is ${daysSince(date, now)} days old (${day(date)}). Compare it with the project's list of releases: a registry may be withholding newer ones.`

/**
 * Returns the warning for an old program for which the registry has no newer release; undefined if the
 * program is not old.
 */
export const ownAge = (now = Date.now()): string | undefined =>
  RELEASE_DATE !== undefined && daysSince(RELEASE_DATE, now) > OLD_DAYS
    ? oldText(VERSION, RELEASE_DATE, now)
    : undefined
