import * as z from 'zod/mini'
import { ToldName, ToldSentence } from './bounds.ts'

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
  'request_changed',
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
  code: ToldName,
  message: ToldSentence,
  /** Where in the command the fault is, as `spec.cwd`. */
  path: z.optional(ToldSentence),
  remedy: z.optional(ToldSentence),
  /** Of an update: how far it had come, and what npm or the new version said, in their own words. */
  stage: z.optional(ToldName),
  output: z.optional(ToldSentence),
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
