import * as z from 'zod/mini'
import { HubKey } from '../protocol/hub-keys.ts'
import { HubAgent, HubMachine, HubToken } from '../protocol/hub-objects.ts'

// Schemas of a hub's answers that have no schema in the protocol.

/** Answer to `GET /api/agents`. */
export const Agents = z.object({ agents: z.array(HubAgent) })

/** Answer to `GET /api/machines`. */
export const Machines = z.object({
  machines: z.array(HubMachine),
  /** Older hubs do not send this field. */
  enrolled: z._default(z.array(HubKey), []),
})

/** Answer to `GET /api/enrolments`. */
export const Tokens = z.object({ enrolments: z.array(HubToken) })

/** Answer to `GET /api/keys`. */
export const Keys = z.object({ keys: z.array(HubKey) })

/** Answer to binding a key: the key, and how many other keys of the machine were revoked. */
export const BoundKey = z.extend(HubKey, { revoked_keys: z.int() })

/**
 * Answer to removing a machine or a key. `shared_keys` are keys that other machines still use. Older hubs do
 * not send this field.
 */
export const Removed = z.object({ revoked_keys: z.int(), shared_keys: z.optional(z.int()) })

/** Fields that filter the audit log. */
export type AuditFilter = Partial<
  Record<'by' | 'action' | 'agent_id' | 'machine_id' | 'outcome', string | undefined>
>
