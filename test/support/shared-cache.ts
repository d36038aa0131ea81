import { homedir } from 'node:os'
import { join } from 'node:path'

/**
 * Folder for large installations. The folder is outside the checkout, so that all checkouts share it:
 * installing Debian takes half a minute.
 */
export const SHARED_CACHE = join(
  process.env.XDG_CACHE_HOME || join(homedir(), '.cache'),
  'fomular-daemon-test',
)
