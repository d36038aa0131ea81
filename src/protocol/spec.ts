import * as z from 'zod/mini'
import { JsonObject, list, table, Words } from './bounds.ts'
import { Content } from './content.ts'
import { AbsolutePath, Uuid } from './ids.ts'
import { Limits } from './limits.ts'
import { secret } from './secrets.ts'

const Name = z.string().check(z.minLength(1), z.maxLength(256))
const Mebibytes = z.int().check(z.minimum(1), z.maximum(2 ** 30))

/** Cases in which an agent's process is restarted after it ended without a request to stop. */
export const RestartPolicy = z.object({
  /**
   * `never`; `on-loss`: after a reboot or a kill from outside; `on-failure`: also after any non-zero exit.
   */
  policy: z.enum(['never', 'on-loss', 'on-failure']),
  /**
   * True to resume the interrupted turn. If false, the session is resumed, and the agent waits for a prompt.
   */
  resume_turn: z._default(z.boolean(), false),
  /** Maximum number of restarts within an hour. */
  max_per_hour: z._default(z.int().check(z.minimum(1), z.maximum(60)), 5),
})
export type RestartPolicy = z.infer<typeof RestartPolicy>

/** Action when an agent has had no daemon, or no server, for `after_s` seconds. */
export const Lease = z.object({
  after_s: z.int().check(z.minimum(10)),
  action: z.enum(['keep', 'stop-when-idle', 'stop']),
})
export type Lease = z.infer<typeof Lease>

/** Settings of a new agent. Only `cwd` is required. */
export const AgentSpec = z.object({
  runtime: z._default(Name, 'claude'),
  /** Working directory. It must exist on the machine. */
  cwd: AbsolutePath,
  /** First prompt. Without a prompt, the agent starts and waits for a prompt. */
  prompt: z.optional(Content),
  /** Title for people. */
  title: z.optional(z.string().check(z.maxLength(200))),
  model: z.optional(Name),
  fallback_model: z.optional(Name),
  effort: z.optional(Name),
  permission_mode: z.optional(Name),
  system_prompt: z.optional(z.object({ mode: z.enum(['append', 'replace']), text: Words })),
  allowed_tools: z.optional(list(Name)),
  disallowed_tools: z.optional(list(Name)),
  /** MCP server name → its definition in the runtime's own form. */
  mcp_servers: secret(z.optional(JsonObject)),
  /** True to use only `mcp_servers`, and no MCP servers that are configured on the machine. */
  mcp_strict: z.optional(z.boolean()),
  add_dirs: z.optional(list(AbsolutePath)),
  /** Environment variables for the agent's process only. */
  env: secret(
    z.optional(
      table(z.string().check(z.maxLength(Limits.name_chars), z.regex(/^[A-Za-z_][A-Za-z0-9_]*$/)), Words),
    ),
  ),
  /** Continue an earlier conversation; `fork` continues a copy of it under a new session id. */
  session: z.optional(z.object({ resume: Uuid, fork: z._default(z.boolean(), false) })),
  limits: z.optional(
    z.object({
      max_turns: z.optional(z.int().check(z.minimum(1))),
      max_budget_usd: z.optional(z.number().check(z.positive())),
      /**
       * Limits on the agent and all its processes. If the machine's policy has a smaller limit, that limit
       * applies.
       */
      memory_max_mb: z.optional(Mebibytes),
      memory_high_mb: z.optional(Mebibytes),
      cpu_weight: z.optional(z.int().check(z.minimum(1), z.maximum(10_000))),
      tasks_max: z.optional(z.int().check(z.minimum(1))),
    }),
  ),
  restart: z.optional(RestartPolicy),
  lease: z.optional(Lease),
  /**
   * Action when the usage limit of the account ends a turn. `wait`: the turn continues after the reset;
   * `stop`: the agent is stopped; `show`, the default: the status shows the limit.
   */
  on_limit: z.optional(Name),
  /**
   * Starts the agent in a git working tree that the daemon makes next to the repository of `cwd`, with its own
   * branch.
   */
  worktree: z.optional(
    z.object({
      /** Name of the branch, which may exist. Default: a new branch `agent/<agent_id>`. */
      branch: z.optional(Name),
    }),
  ),
})
export type AgentSpec = z.infer<typeof AgentSpec>
