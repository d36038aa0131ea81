import { localItems, StoredSecret } from './stored-secret.ts'

/** Address of the hub, without a trailing slash. */
export const HUB_URL = new URL('.', location.href).href.replace(/\/$/, '')

/** The secret of the session in this browser. */
export const stored = new StoredSecret(localItems(), new URL(HUB_URL).pathname)
