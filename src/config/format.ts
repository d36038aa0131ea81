import type { Upgrades } from '../platform/format.ts'

/**
 * Upgrades of a daemon's state folder. The previous version may be unable to read an upgraded folder.
 * Therefore, no folder is upgraded before its update is confirmed. Each version can also use the previous
 * format.
 */
export const STATE_UPGRADES: Upgrades = [
  // The first folders did not record their format. Everything else in these folders is unchanged.
  () => {},
]

/** Upgrades of a hub's folder. */
export const HUB_UPGRADES: Upgrades = [
  // As above.
  () => {},
]
