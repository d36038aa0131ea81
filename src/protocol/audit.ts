import * as z from 'zod/mini'

/**
 * An entry of the hub's audit log. Each order has one entry before it is carried out, and another with its
 * outcome. An order without an outcome is in progress, or was when the hub ended.
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
  /** Id of the key or token in question. */
  target: z.optional(z.string()),
  /** Id of the command. The entry with its outcome has the same id. */
  command_id: z.optional(z.string()),
  /** For the outcome of an order that is not a command: number of the order's entry. */
  of: z.optional(z.int()),
  /** `ordered`, then `succeeded`, `failed` or `refused`; `repeated` for a repeated command. More may come. */
  outcome: z.string(),
  /** Reason of the failure or refusal. */
  code: z.optional(z.string()),
  /** Number of occurrences that this entry stands for. Absent for a single one. */
  times: z.optional(z.int()),
  /** Details of the order, shortened, and without secrets. */
  details: z.optional(z.record(z.string(), z.unknown())),
})
export type AuditEntry = z.infer<typeof AuditEntry>

export const AuditPage = z.object({
  entries: z.array(AuditEntry),
  /** Last entry that was searched: continue with `after=<next>`. */
  next: z.int(),
  /** Oldest entry that the log still has. */
  first: z.int(),
})
export type AuditPage = z.infer<typeof AuditPage>
