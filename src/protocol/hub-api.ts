import * as z from 'zod/mini'
import { Commands } from './commands.ts'
import { CommandError } from './errors.ts'
import { AnyEvent } from './events.ts'
import { AgentId, CommandId, MachineId, MachineName } from './ids.ts'
import { secret } from './secrets.ts'
import { AgentStatus, MachineStatus } from './status.ts'

/**
 * The hub's HTTP API: JSON over `Authorization: Bearer <user key>`, errors as `{error: CommandError}`.
 *
 * | request | body → answer |
 * | --- | --- |
 * | `GET /health` | no key needed → `{ok, version}`; 503 with `ok: false` and `error` while activity cannot be put on the disk |
 * | `GET /api/machines` | → `{machines: HubMachine[], enrolled: HubKey[]}`, where `enrolled` are the keys with which no machine has connected yet |
 * | `POST /api/machines/:machine_id/{check,restart,update}` | the command without `type` → `Outcome` |
 * | `PATCH /api/machines/:machine_id` | `RenameRequest` → `HubMachine`; 409 `name_taken` where another machine goes by that name |
 * | `DELETE /api/machines/:machine_id` | forgets one that is not connected, or with `?force=true` any; its keys are no longer accepted, used or not → `{revoked_keys, shared_keys}` |
 * | `GET /api/audit?after=N&limit=N` | → `AuditPage`: the newest entries of the audit log, or those behind `after`; also by `by`, `action`, `machine_id`, `agent_id`, `target`, `outcome` |
 * | `GET /api/keys` | → `{keys: HubKey[]}` |
 * | `POST /api/keys` | `KeyRequest` → 201 `NewKey`; 409 `name_taken` where another key of people has that name |
 * | `POST /api/keys/:key_id/rotate` | another key in the place of one → 201 `NewKey`. The one before is no longer accepted; a machine's is until it has connected with the new one |
 * | `POST /api/keys/:key_id/bind` | `BindRequest`: the key is that machine's, and other keys of it are no longer accepted → `HubKey` and `revoked_keys` |
 * | `DELETE /api/keys/:key_id` | the key is no longer accepted, and what it had begun ends → `{revoked_keys}`; 409 `key_local` for the hub's own user key |
 * | `GET /api/enrolments` | → `{enrolments: HubToken[]}`, those that have not expired |
 * | `POST /api/enrolments` | `EnrolmentRequest` → 201 `Enrolment` |
 * | `DELETE /api/enrolments/:token_id` | the token is no longer accepted → `{}`; 409 `token_used` where a machine has enrolled with it |
 * | `POST /enroll` | no key needed: `EnrollRequest` → `EnrollAnswer`; with the machine's key before as `Authorization`, the new one takes its place; 401 `token_invalid`, 409 `key_taken` where another key has the same id |
 * | `POST /enroll/check` | no key needed: `EnrollCheck` → `EnrollChecked`, while nothing changes; 401 `token_invalid` |
 * | `GET /install.sh` | no key needed: the installer, with this hub's address as the request names it; 404 when the hub has no releases |
 * | `GET /releases/:path` | no key needed: a file of the releases; `Range: bytes=N-` is understood |
 * | `GET /api/agents` | → `{agents: HubAgent[]}` |
 * | `GET /api/agents/:agent_id` | → `HubAgent` |
 * | `POST /api/agents` | `StartRequest` → `Outcome` |
 * | `POST /api/agents/:agent_id/{prompt,interrupt,permission,answer,configure,stop,resume,remove}` | the command without `type` and `agent_id` → `Outcome` |
 * | `POST /api/agents/:agent_id/move` | `MoveRequest` → `HubAgent`: the agent is that machine's from then on; 409 `machine_connected` while the machine that has it is connected, unless with `?force=true` |
 * | `GET /api/agents/:agent_id/events?after=ID&limit=N` | → `{events: Event[], next?: ID}` |
 * | `GET /api/agents/:agent_id/stream` | server-sent events `activity` (id `offset.index`, data `Event`) and `status` (data `HubAgent`), resumed by `Last-Event-ID` |
 * | `GET /api/stream` | server-sent events `machine` (`HubMachine`), `agent` (`HubAgent`), `agent_removed` (`{agent_id, machine_id}`), first as they are, then as they change |
 * | `GET /api/commands/:command_id` | → `Outcome` |
 *
 * What a key may ask for goes by its role: a `viewer` may read machines and agents, an `operator` also give orders to
 * agents, an `admin` everything. Other requests are answered with 403 `forbidden`.
 *
 * An agent is its machine's: several machines may have one of the same id. A request that names it by its id alone means
 * the only one; one that was started from here goes before others, of which only their machines tell. Where there are
 * several, the answer is 409 `agent_ambiguous`, and `?machine_id=` says which.
 *
 * A `machine_id` in an address that begins with a quotation mark is the id as JSON: a path cannot hold `..` otherwise.
 *
 * A hub that has no room answers 503 (`busy`, `too_many_clients`, `too_many_streams`, `too_many_downloads`): the same
 * request can be sent again. An address of which too many keys or tokens were not accepted is answered 429
 * `too_many_failures` to a further one, with `Retry-After`; one that is accepted is always let in.
 *
 * A body may carry a `command_id` of the caller's: sent again, it is the same command. `?wait=SECONDS` (default 30, at
 * most 300) is how long to wait for the outcome: 200 when it succeeded, 422 when it failed, 202 while it is pending; a
 * pending command stays queued, also while its machine is not connected. `remove` of an agent that is `gone` deletes what
 * is left of it here.
 */
export const HubMachine = z.object({
  machine_id: z.string(),
  /** What people call it: as it was enrolled or renamed, else its host name. Absent from older hubs. */
  name: z.optional(z.string()),
  hostname: z.string(),
  os: z.string(),
  arch: z.string(),
  daemon_version: z.string(),
  connected: z.boolean(),
  /** Since when it is, or is not, connected (ISO 8601). */
  since: z.string(),
  /** How many agents the hub keeps of it, those of which it has told no status included. Only in the list of machines. */
  agents: z.optional(z.int()),
  /** Size of these agents' histories, in bytes. Only in the list of machines. */
  history_bytes: z.optional(z.int()),
  status: MachineStatus,
})
export type HubMachine = z.infer<typeof HubMachine>

export const HubAgent = z.object({
  ...AgentStatus.shape,
  machine_id: z.string(),
  /** The `name` of that machine. */
  machine_name: z.optional(z.string()),
  /** Whether its machine is connected now: if not, the status is the last one known. */
  connected: z.boolean(),
  /** Its machine does not have it any more; the history is what is left of it. */
  gone: z.optional(z.boolean()),
  /** Only its machine says that there is such an agent: it was not started from here. */
  claimed: z.optional(z.boolean()),
  /** How far the hub has its journal. */
  offset: z.int(),
})
export type HubAgent = z.infer<typeof HubAgent>

export const StartRequest = z.object({
  /** Default: the only machine there is. */
  machine_id: z.optional(z.string()),
  /** Default: one that the hub makes. */
  agent_id: z.optional(AgentId),
  command_id: z.optional(CommandId),
  spec: Commands['agent:start'].shape.spec,
})
export type StartRequest = z.input<typeof StartRequest>

/** Gives an agent, with its history, to another machine: to where its state folder was moved. */
export const MoveRequest = z.object({ machine_id: MachineId })
export type MoveRequest = z.infer<typeof MoveRequest>

/** Gives a machine another name. */
export const RenameRequest = z.object({ name: MachineName })
export type RenameRequest = z.infer<typeof RenameRequest>

/** Asks for a token by which one machine can enroll itself. */
export const EnrolmentRequest = z.object({
  /** What the machine is called from then on. Default: its host name. */
  name: z.optional(MachineName),
  /** Seconds for which the token is good. */
  expires_in_s: z._default(z.int().check(z.minimum(60), z.maximum(604_800)), 3600),
})
export type EnrolmentRequest = z.infer<typeof EnrolmentRequest>

export const Enrolment = z.object({
  /** Secret; the hub does not keep it. Good once. */
  token: secret(z.string()),
  name: z.optional(z.string()),
  expires_at: z.string(),
})
export type Enrolment = z.infer<typeof Enrolment>

/** A token as the hub knows it, without the token itself. */
export const HubToken = z.object({
  /** Beginning of its sha256, in hexadecimal. */
  token_id: z.string(),
  /** What the machine will be called; absent where that is its host name. */
  name: z.optional(z.string()),
  created_at: z.string(),
  expires_at: z.string(),
  /** Name of the key of people by which it was made. */
  by: z.optional(z.string()),
  /** Whether a machine has enrolled with it: it takes in no other. */
  used: z.boolean(),
  /** The key of that machine. */
  key_id: z.optional(z.string()),
})
export type HubToken = z.infer<typeof HubToken>

/** A machine's request to be taken in, with a key that it has made itself. Sent again as it is, it is the same request. */
export const EnrollRequest = z.object({
  token: secret(z.string()),
  /** The sha256 of the machine's key, in hexadecimal. The key is `fmk_` and 32 random bytes in base64url. */
  key_sha256: z.string().check(z.regex(/^[0-9a-f]{64}$/)),
  hostname: z.string().check(z.minLength(1), z.maxLength(255)),
  /** The machine to bind the key to. Default: the first that connects with it. */
  machine_id: z.optional(MachineId),
})
export type EnrollRequest = z.infer<typeof EnrollRequest>

export const EnrollAnswer = z.object({
  /** What the machine is called. */
  name: z.string(),
  /** Whether the key is bound to the machine that the request names. False for one that the hub knows, and whose key was not shown. */
  bound: z.optional(z.boolean()),
})
export type EnrollAnswer = z.infer<typeof EnrollAnswer>

/** Asks whether a machine would be taken in, or has been. */
export const EnrollCheck = z.object({
  token: secret(z.string()),
  /** The sha256 of the key that the machine has already, if it has one. */
  key_sha256: z.optional(z.string().check(z.regex(/^[0-9a-f]{64}$/))),
  /** The machine, where it knows its id: a key that is another one's is none of its own. */
  machine_id: z.optional(MachineId),
})
export type EnrollCheck = z.infer<typeof EnrollCheck>

export const EnrollChecked = z.object({
  /** Whether the machine's key is accepted, so that it needs no token. If not, the token would be. */
  enrolled: z.boolean(),
  /** What the machine is called, or will be. */
  name: z.optional(z.string()),
})
export type EnrollChecked = z.infer<typeof EnrollChecked>

export const Outcome = z.object({
  command_id: CommandId,
  agent_id: z.optional(AgentId),
  machine_id: z.string(),
  /** Name of the key by which it was ordered. Absent from older hubs. */
  by: z.optional(z.string()),
  state: z.enum(['pending', 'succeeded', 'failed']),
  /** While an update is under way: how far it is. */
  progress: z.optional(z.object({ stage: z.string(), message: z.optional(z.string()) })),
  /** When succeeded: what the result carried. */
  result: z.optional(z.record(z.string(), z.unknown())),
  error: z.optional(CommandError),
})
export type Outcome = z.infer<typeof Outcome>

export const EventPage = z.object({
  events: z.array(AnyEvent),
  /** Ask again with `after=<next>`; absent at the end. */
  next: z.optional(z.string()),
})
export type EventPage = z.infer<typeof EventPage>
