import * as z from 'zod/mini'

/**
 * A line of the hub's audit log. An order has one when it is given, before anything is done about it, and another with its
 * outcome. One without an outcome was under way when the hub ended, or is still.
 */
export const AuditEntry = z.object({
  /** Counts the entries, without a gap. */
  n: z.int(),
  at: z.string(),
  /** Name of the key by which it was ordered; absent where none was shown that is accepted. */
  by: z.optional(z.string()),
  key_id: z.optional(z.string()),
  role: z.optional(z.string()),
  /** Address that the request came from. */
  from: z.optional(z.string()),
  /** What was ordered: a command's type, or `key:create`, `machine:remove` and the like. */
  action: z.string(),
  machine_id: z.optional(z.string()),
  agent_id: z.optional(z.string()),
  /** Id of the key or token that it is about. */
  target: z.optional(z.string()),
  /** Of a command: the same in the entry with its outcome. */
  command_id: z.optional(z.string()),
  /** Entry with the order, for an outcome of what is no command. */
  of: z.optional(z.int()),
  /** `ordered`, then `succeeded`, `failed` or `refused`; `repeated` for a command that had been given before. More may come. */
  outcome: z.string(),
  /** Why it failed or was refused. */
  code: z.optional(z.string()),
  /** How many times, where one entry stands for several. */
  times: z.optional(z.int()),
  /** What was ordered in detail, shortened, and without secrets. */
  details: z.optional(z.record(z.string(), z.unknown())),
})
export type AuditEntry = z.infer<typeof AuditEntry>

export const AuditPage = z.object({
  entries: z.array(AuditEntry),
  /** Entry up to which was looked: ask again with `after=<next>`. */
  next: z.int(),
  /** The oldest entry that is kept. */
  first: z.int(),
})
export type AuditPage = z.infer<typeof AuditPage>
