import * as z from 'zod/mini'

/** An entry of `pm2 jlist`, with only the fields that this program uses. */
export const Pm2Entry = z.object({
  name: z.string(),
  pid: z.optional(z.int()),
  pm2_env: z.object({
    status: z.string(),
    pm_exec_path: z.optional(z.string()),
    args: z.optional(z.union([z.array(z.string()), z.string()])),
    FOMULAR_STATE_DIR: z.optional(z.string()),
    pm_uptime: z.optional(z.number()),
    restart_time: z.optional(z.int()),
    treekill: z.optional(z.boolean()),
    autorestart: z.optional(z.boolean()),
    kill_timeout: z.optional(z.union([z.number(), z.string()])),
    exit_code: z.optional(z.int()),
    pm_cwd: z.optional(z.string()),
    env: z.optional(z.record(z.string(), z.unknown())),
  }),
})
export type Pm2Entry = z.infer<typeof Pm2Entry>
