import type { HubKey, NewKey } from '../../src/protocol/index.ts'
import type { TestHub } from './hub.ts'

/** Makes a key with a role, of a machine for the role `machine`. */
export const makeKey = (hub: TestHub, name: string, role: string, machine_id?: string) =>
  hub.api<NewKey & { key: string }>('POST', '/api/keys', { name, role, ...(machine_id && { machine_id }) })

/** Returns the header that shows a key. */
export const bearer = (key: string) => ({ authorization: `Bearer ${key}` })

/** Returns the hub's keys, as an administrator sees them. */
export const listKeys = async (hub: TestHub) => (await hub.api<{ keys: HubKey[] }>('GET', '/api/keys')).keys
