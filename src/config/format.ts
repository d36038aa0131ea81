import type { Upgrades } from '../platform/format.ts'

/**
 * Of a daemon's state folder. An entry that the version before cannot live with ends the way back to it: what a daemon
 * does before its update is confirmed must not need one.
 */
export const STATE_UPGRADES: Upgrades = [
  // The first folders did not say their format; all else in them is as it is now.
  () => {},
]

/** Of a hub's folder. */
export const HUB_UPGRADES: Upgrades = [
  // As above.
  () => {},
]
