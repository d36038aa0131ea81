import * as z from 'zod/mini'

/** Why a command failed. Codes are stable; messages are for people. */
export const CommandErrorCode = z.enum([
  'invalid_command',
  'unsupported',
  'draining',
  'interrupted',
  'agent_exists',
  'agent_not_found',
  'agent_not_running',
  'agent_running',
  'cwd_missing',
  'cwd_not_a_directory',
  'cwd_forbidden',
  'runtime_missing',
  'runtime_unknown',
  'start_failed',
  'session_in_use',
  'no_session',
  'request_not_pending',
  'answers_incomplete',
  'rejected_by_agent',
  'no_reply',
  'disk_full',
  'too_many_agents',
  'update_refused',
  'update_failed',
  'update_running',
  'update_interrupted',
  'update_version_not_found',
  'update_registry_unreachable',
  'update_no_registry',
  'update_integrity',
  'update_wrong_package',
  'update_engine',
  'update_downgrade',
  'update_disk_full',
  'update_unproven',
  'update_crashed',
  'update_hung',
  'update_not_accepted',
  'internal',
])
export type CommandErrorCode = z.infer<typeof CommandErrorCode>

export const CommandError = z.object({
  code: z.string(),
  message: z.string(),
  /** Where in the command the fault is, as `spec.cwd`. */
  path: z.optional(z.string()),
  remedy: z.optional(z.string()),
  /** Of an update: how far it had come, and what npm or the new version said, in their own words. */
  stage: z.optional(z.string()),
  output: z.optional(z.string()),
})
export type CommandError = z.infer<typeof CommandError>

/** Why a server turns a daemon away in its greeting. There may be others. */
export const RefusalCode = z.enum([
  'unauthorized',
  'protocol_version',
  'superseded',
  'busy',
  'removed',
  'key_bound',
])
export type RefusalCode = z.infer<typeof RefusalCode>

/** WebSocket close codes beside the standard ones. */
export const CloseCode = {
  /** Another daemon connected with the same machine identity: this one must not come back by itself. */
  superseded: 4001,
  /** No greeting in time, or a heartbeat was missed. */
  timeout: 4002,
  /** The key is not, or no longer, accepted. */
  unauthorized: 4003,
  /** No protocol version in common. */
  protocol_version: 4004,
  /** Too many faults in a row for the link to be of use. */
  protocol_error: 4005,
} as const

/** Limits both sides keep; a server may rely on them. */
export const Limits = {
  /** Longest frame a daemon accepts or a server must accept, in bytes. */
  frame_bytes: 32 * 1024 * 1024,
  /** Longest journal line that is parsed; a longer one arrives as `unreadable`. */
  line_bytes: 16 * 1024 * 1024,
  /** Deepest nesting of objects and arrays in an event; a line with more arrives as `unreadable`. */
  nesting: 1000,
  /** Objects and arrays, and what they hold, in all, in a frame that a server sends. */
  values: 100_000,
  /** The same in one that a daemon sends, where each event counts by itself. */
  greeting_values: 1_000_000,
  /** Activity a daemon sends ahead of the server's acknowledgement, in journal bytes, over all agents. */
  window_bytes: 4 * 1024 * 1024,
  /** A side that hears nothing, not even a pong, for this long closes the link. */
  silence_ms: 25_000,
  /** How often each side pings. */
  heartbeat_ms: 10_000,
} as const
