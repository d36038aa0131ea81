import type { HubKey, NewKey } from '../../src/protocol/index.ts'
import type { TestHub } from './hub.ts'

/** Makes a key with a role. A key with the role `machine` belongs to the machine. */
export const makeKey = (hub: TestHub, name: string, role: string, machine_id?: string) =>
  hub.api<NewKey & { key: string }>('POST', '/api/keys', { name, role, ...(machine_id && { machine_id }) })

/** Returns the HTTP header with a key. */
export const bearer = (key: string) => ({ authorization: `Bearer ${key}` })

/** Returns the hub's list of keys, as the hub sends it to an administrator. */
export const listKeys = async (hub: TestHub) => (await hub.api<{ keys: HubKey[] }>('GET', '/api/keys')).keys
