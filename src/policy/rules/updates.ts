import satisfies from 'semver/functions/satisfies.js'
import valid from 'semver/functions/valid.js'
import { parseWindow } from '../../config/readers.ts'
import type { PolicyRefusal } from '../../protocol/policy-rules.ts'
import type { Policy } from '../schema.ts'

/**
 * Refuses an update that a server orders.
 * @param version exact version, or a dist-tag whose version is not known yet
 * @param current time; the policy's times are in the machine's time zone
 */
export function refusedUpdate({ update }: Policy, version: string, now: Date): PolicyRefusal[] {
  const { allow, versions, window } = update
  const refused: PolicyRefusal[] = []
  if (!allow)
    refused.push({
      key: 'update.allow',
      message: "The machine's policy does not let a server update this program.",
    })
  if (versions !== undefined && valid(version) !== null && !satisfies(version, versions))
    refused.push({
      key: 'update.versions',
      message: `The machine's policy permits the versions ${versions} only, and not ${version}.`,
    })
  if (window !== undefined && !isWithin(window, now))
    refused.push({
      key: 'update.window',
      message: `The machine's policy permits updates from ${window} only (its local time).`,
      until: opening(window, now).toISOString(),
    })
  return refused
}

/** Returns the time at which a window opens next. */
function opening(window: string, now: Date): Date {
  const time = new Date(now)
  time.setHours(0, parseWindow(window)!.from, 0, 0)
  if (time <= now) time.setDate(time.getDate() + 1)
  return time
}

function isWithin(window: string, now: Date): boolean {
  const { from, to } = parseWindow(window)!
  const minute = now.getHours() * 60 + now.getMinutes()
  return from < to ? minute >= from && minute < to : minute >= from || minute < to
}
