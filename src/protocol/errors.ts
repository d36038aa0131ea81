import * as z from 'zod/mini'
import { ReportedName, ReportedSentence } from './bounds.ts'

/** Reasons for the failure of a command. Codes are stable; messages are for people. */
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
  'prompt_not_found',
  'prompt_taken',
  'request_not_pending',
  'request_changed',
  'answers_incomplete',
  'rejected_by_agent',
  'no_reply',
  'disk_full',
  'policy',
  'too_many_agents',
  'not_a_repository',
  'git_missing',
  'git_failed',
  'start_unknown',
  'file_not_found',
  'file_refused',
  'worktree_failed',
  'worktree_dirty',
  'worktree_unmerged',
  'merge_conflict',
  'busy',
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
  code: ReportedName,
  message: ReportedSentence,
  /**
   * The invalid part of the command, such as `spec.cwd`. With the code `policy`: the key of the policy that
   * refuses the command.
   */
  path: z.optional(ReportedSentence),
  remedy: z.optional(ReportedSentence),
  /** Time from which on the machine may accept the command (ISO 8601), if it refuses the command only now. */
  until: z.optional(ReportedName),
  /** For an update: the stage in which it failed, and the output of npm or of the new version. */
  stage: z.optional(ReportedName),
  output: z.optional(ReportedSentence),
})
export type CommandError = z.infer<typeof CommandError>

/** Reasons for which a server refuses a daemon. Servers may use further reasons. */
export const RefusalCode = z.enum([
  'unauthorized',
  'protocol_version',
  'superseded',
  'busy',
  'removed',
  'key_bound',
])
export type RefusalCode = z.infer<typeof RefusalCode>

/** WebSocket close codes of this protocol, in addition to the standard codes. */
export const CloseCode = {
  /** Another daemon connected with the same machine id: this daemon must not reconnect by itself. */
  superseded: 4001,
  /** The greeting or the heartbeat did not arrive in time. */
  timeout: 4002,
  /** The server does not know the key, or has revoked it. */
  unauthorized: 4003,
  /** The two sides have no protocol version in common. */
  protocol_version: 4004,
  /** Too many faults in a row. */
  protocol_error: 4005,
} as const
