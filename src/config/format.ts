import type { Upgrades } from '../platform/format.ts'

/**
 * Of a daemon's state folder. An entry that the version before cannot live with ends the way back to it: so no folder is
 * upgraded until an update is confirmed, and a version also runs on the format before its own.
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
