import * as z from 'zod/mini'

/**
 * An entry of the hub's audit log. Each order has an entry that is written before the order is carried out,
 * and a second entry with the outcome. An order without a second entry is in progress, or was in progress
 * when the hub ended.
 */
export const AuditEntry = z.object({
  /** Number of the entry; numbers have no gaps. */
  n: z.int(),
  at: z.string(),
  /** Name of the key that gave the order; absent if the request had no valid key. */
  by: z.optional(z.string()),
  key_id: z.optional(z.string()),
  role: z.optional(z.string()),
  /** Address from which the request came. */
  from: z.optional(z.string()),
  /** Type of the command, or another order such as `key:create` or `machine:remove`. */
  action: z.string(),
  machine_id: z.optional(z.string()),
  agent_id: z.optional(z.string()),
  /** Id of the key or token to which the order applies. */
  target: z.optional(z.string()),
  /** Id of the command. The entry with its outcome has the same id. */
  command_id: z.optional(z.string()),
  /** In the entry with the outcome: number of the order's first entry. Absent if the order is a command. */
  of: z.optional(z.int()),
  /** `ordered`, then `succeeded`, `failed` or `refused`; `repeated` for a repeated command. More may come. */
  outcome: z.string(),
  /** Reason of the failure or refusal. */
  code: z.optional(z.string()),
  /** Number of requests that this entry represents. Absent for a single request. */
  times: z.optional(z.int()),
  /** Details of the order, shortened, and without secrets. */
  details: z.optional(z.record(z.string(), z.unknown())),
})
export type AuditEntry = z.infer<typeof AuditEntry>

export const AuditPage = z.object({
  entries: z.array(AuditEntry),
  /** Number of the last entry that was searched. For the next page, send `after=<next>`. */
  next: z.int(),
  /** Number of the oldest entry in the log. */
  first: z.int(),
})
export type AuditPage = z.infer<typeof AuditPage>
