import type { Upgrades } from '../platform/format.ts'

/** Of a daemon's state folder. */
export const STATE_UPGRADES: Upgrades = [
  // The first folders did not say their format; all else in them is as it is now.
  () => {},
]

/** Of a hub's folder. */
export const HUB_UPGRADES: Upgrades = [
  // As above.
  () => {},
]
