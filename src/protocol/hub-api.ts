import * as z from 'zod/mini'
import { Commands } from './commands.ts'
import { AgentId, CommandId } from './ids.ts'
import { Signed } from './signed.ts'

/**
 * The hub's HTTP API: JSON over `Authorization: Bearer <user key>`, errors as `{error: CommandError}`.
 *
 * | request | body → answer |
 * | --- | --- |
 * | `GET /health` | no key needed → `{ok, version}`; 503 with `ok: false` and `error` while activity cannot be written to the disk |
 * | `GET /metrics` | the metrics of the hub, in the text format of Prometheus; with `Accept: application/openmetrics-text`, in OpenMetrics 1.0 |
 * | `GET /api/machines` | → `{machines: HubMachine[], enrolled?: HubKey[], next?: CURSOR}`, where `enrolled` contains the keys with which no machine has connected yet; it is absent from filtered lists and from pages after the first |
 * | `POST /api/machines/:machine_id/{check,restart,update}` | the command without `type` → `Outcome` |
 * | `PATCH /api/machines/:machine_id` | `RenameRequest` → `HubMachine`; 409 `name_taken` if another machine has that name |
 * | `POST /api/machines/:machine_id/place` | `PlaceRequest`: puts the machine in a group, and sets its labels → `HubMachine` |
 * | `DELETE /api/machines/:machine_id` | removes a machine that is not connected, or, with `?force=true`, any machine; revokes all its keys, including unused keys → `{revoked_keys, shared_keys}` |
 * | `GET /api/audit?after=N&limit=N` | → `AuditPage`: the newest entries of the audit log, or the entries after `after`; optional filters are `by`, `action`, `machine_id`, `agent_id`, `target`, `outcome` |
 * | `GET /api/rollouts` | → `{rollouts: HubRolloutSummary[]}`, newest first, without their machines |
 * | `POST /api/rollouts` | `RolloutRequest`: updates groups of machines one after the other → 201 `HubRollout`; 409 `version_blocked`, `rollout_active`; 404 `group_not_found` |
 * | `GET /api/rollouts/:rollout_id` | → `HubRollout`, with the machines that run a blocked version |
 * | `POST /api/rollouts/:rollout_id/{pause,resume,roll-back,cancel}` | → `HubRollout`; 409 `rollout_state` if the rollout's state does not permit it |
 * | `GET /api/blocked-versions` | → `{versions: BlockedVersion[]}` |
 * | `POST /api/blocked-versions/:version` | `BlockRequest`: halts the rollouts of this version, and refuses further orders to install it → `BlockedVersion` |
 * | `DELETE /api/blocked-versions/:version` | → `{}` |
 * | `GET /api/keys` | → `{keys: HubKey[]}` |
 * | `POST /api/keys` | `KeyRequest` → 201 `NewKey`; 409 `name_taken` if another user key has that name |
 * | `POST /api/keys/:key_id/rotate` | replaces a key → 201 `NewKey`. The previous key is no longer accepted; however, a machine's previous key is accepted until the machine has connected with the new key |
 * | `POST /api/keys/:key_id/bind` | `BindRequest`: binds the key to that machine, and revokes the machine's other keys → `HubKey` and `revoked_keys` |
 * | `DELETE /api/keys/:key_id` | revokes the key and ends the connections and requests made with it → `{revoked_keys}`; 409 `key_local` for the hub's own user key |
 * | `GET /api/enrolments` | → `{enrolments: HubToken[]}`, without expired tokens |
 * | `POST /api/enrolments` | `EnrolmentRequest` → 201 `Enrolment` |
 * | `DELETE /api/enrolments/:token_id` | revokes the token → `{}`; 409 `token_used` if a machine has enrolled with it |
 * | `GET /api/me` | → `Me`: the key of this request |
 * | `GET /api/sessions` | → `{sessions: HubSession[]}`: the sessions of this key; for an admin, all sessions |
 * | `POST /api/sessions` | signs a browser in → 201 `NewSession`, and the session's cookie |
 * | `DELETE /api/sessions/:session_id` | ends a session, and the requests made with it → `{}`; 404 `session_not_found` also for sessions of other keys, unless the key is an admin key |
 * | `POST /api/sign-in-tokens` | → 201 `SignInToken`, valid once, for a minute |
 * | `GET /api/push` | → `PushState`: the notifications of this key; for an admin, with the subscriptions of all keys |
 * | `PATCH /api/push` | `PushSettings` → `PushState` |
 * | `POST /api/push/subscriptions` | `SubscribeRequest` → 201 `HubSubscription`. A browser that subscribes again keeps its id; 400 `push_endpoint` if the address at the push service is not a public https address; 409 `too_many_subscriptions` |
 * | `DELETE /api/push/subscriptions/:subscription_id` | removes a subscription → `{}`; 404 `subscription_not_found` also for subscriptions of other keys, unless the key is an admin key |
 * | `POST /sign-in` | no key needed: `SignInRequest` → 201 `NewSession`, and the session's cookie; 401 `token_invalid` |
 * | `POST /enroll` | no key needed: `EnrollRequest` → `EnrollAnswer`; with the machine's previous key as `Authorization`, the new key replaces it; 401 `token_invalid`, 409 `key_taken` if another key has the same id |
 * | `POST /enroll/check` | no key needed: `EnrollCheck` → `EnrollChecked`; changes nothing; 401 `token_invalid` |
 * | `GET /install.sh` | no key needed: the installer, with the address of this hub, which is taken from the request; 404 if the hub has no releases |
 * | `GET /releases/:path` | no key needed: a file of a release; supports `Range: bytes=N-` |
 * | `GET /api/agents` | → `{agents: HubAgent[], next?: CURSOR}` |
 * | `GET /api/agents/:agent_id` | → `HubAgent` |
 * | `POST /api/agents` | `StartRequest` → `Outcome` |
 * | `POST /api/agents/:agent_id/{prompt,withdraw,interrupt,permission,answer,configure,stop,resume,merge,discard,remove}` | the command without `type` and `agent_id` → `Outcome` |
 * | `POST /api/agents/:agent_id/move` | `MoveRequest` → `HubAgent`: moves the agent to that machine; 409 `machine_connected` while its previous machine is connected, unless with `?force=true` |
 * | `GET /api/agents/:agent_id/events?after=ID&limit=N` | → `{events: Event[], next?: ID}`; with `before=ID` in place of `after`, the last events before that event, in ascending order → `{events: Event[], previous?: ID}`; `before=end` begins at the newest event. A hub that does not know `before` ignores it |
 * | `GET /api/agents/:agent_id/stream` | server-sent events `activity` (id `offset.index`, data `Event`) and `status` (data `HubAgent`), resumed by `Last-Event-ID` |
 * | `GET /api/agents/:agent_id/changes?since=head\|start&path=PATH&stat=true&after=CURSOR` | → `WorkspaceChanges`: the changes in the agent's folders since the commit that is checked out (`head`), or since the agent's start (`start`). `path` may be repeated. 503 `machine_offline` while the machine is not connected, `no_reply` if it does not answer within a minute, `busy` if too many requests wait for it |
 * | `GET /api/agents/:agent_id/file?path=PATH&folder=PATH&from_line=N&lines=N` | → `WorkspaceFile`: lines of a file that git does not ignore |
 * | `GET /api/stream` | server-sent events `machine` (`HubMachine`), `agent` (`HubAgent`), `agent_removed` (`{agent_id, machine_id}`): first the current state, then each change. With `after=ID` or `Last-Event-ID`, also `machine_removed` (`{machine_id}`) and `reset` (`{}`), and only the changes since that event; with `first=N`, also `current` (`{}`) |
 * | `GET /api/commands/:command_id` | → `Outcome` |
 *
 * The lists of machines and agents accept these parameters. A hub that does not know a parameter ignores it.
 * - `limit=N` (default 1000, at most 10,000) and `after=CURSOR` divide a list into pages. For the next page, send
 *   `after=<next>`; the last page has no `next`. Without both parameters, the answer is the whole list. Pages are
 *   ordered by machine id and agent id, so each entry that exists all the time is on exactly one page. An agent
 *   that moves to another machine in the meantime may be on no page or on two.
 * - `fields=NAME,…` selects fields of the entries. Each entry also has its `machine_id` and `agent_id`.
 * - For machines and agents, `machine_id=ID` and `connected=true|false` select entries; for agents also
 *   `state=STATE,…`, `pending=true|false` (whether the agent has open requests), `gone=true|false`,
 *   `runtime=NAME`, and `cwd=PATH` (the folder or a folder in it).
 *
 * Answers with a list have an `ETag`, and the hub answers 304 to an equal `If-None-Match`. The `ETag` of a list
 * of agents without `begin`, `acked`, `end`, and `offset` does not change when agents are active.
 *
 * Each event of `GET /api/stream?after=ID` has an id. To begin such a stream, send `after=0`; to continue the
 * stream, send the id of the last event. If the hub cannot continue a stream, for example after its restart, it
 * sends `reset` and then the current state. At a `reset`, a client forgets all machines and agents that it
 * knows. `fields` and `machine_id` apply to the stream as they do to the lists. With `first=N` (at most 1000), the
 * current state begins with up to N agents without ids, those with open requests and then those that changed last, so
 * that a person sees something soon; these agents come again later. Each connection with `first` then gets `current` once, when the
 * client has the current state. A hub that does not know `first` ignores it.
 *
 * The role of a key sets its permissions: a `viewer` may read machines and agents, an `operator` may also
 * command agents, and an `admin` may make all requests. The hub answers requests that a key does not allow
 * with 403 `forbidden`.
 *
 * Instead of a key, a browser sends the header `X-Fomular-Session: <session_id>.<secret>` and the cookie
 * `fomular_session_<session_id>`. Neither grants anything without the other. A session ends with its key, by
 * request, after 30 days without use, and after 90 days. A session that was created with another session, or
 * with a token of another session, ends no later than that session. The hub refuses requests with a session
 * that another website has caused (403 `cross_site`).
 *
 * An agent belongs to its machine, and several machines may have agents with the same id. A request that
 * contains only an agent's id works if only one agent has this id. An agent that was started through this hub
 * takes precedence over agents that were only reported by their machines. If there are still several agents,
 * the answer is 409 `agent_ambiguous`. In this case, choose an agent with `?machine_id=`.
 *
 * If a `machine_id` in a path begins with a quotation mark, it is the id as JSON. An id such as `..` must be
 * written as JSON, because a path cannot contain it.
 *
 * A hub that has no room for a request answers with 503 (`busy`, `too_many_clients`, `too_many_streams`,
 * `too_many_downloads`). In this case, send the same request again. After too many invalid keys or tokens
 * from one address, the hub answers the next invalid key or token with 429 `too_many_failures`. A valid key
 * or token is always accepted. After too many orders of a viewer, such as sign-ins, the hub answers further
 * ones with 429 `too_many_orders`. Answers with 429, 503, and 507 contain `Retry-After`, in seconds.
 *
 * A body may contain a `command_id` that the caller has chosen. If the caller sends another request with the
 * same `command_id`, the hub treats it as a repeat of the same command. `?wait=SECONDS` (default 30, at most
 * 300) is the time to wait for the outcome: 200 if the command succeeded, 422 if it failed, 202 while it is
 * pending. A pending command stays queued, even while its machine is disconnected. `remove` of an agent that
 * is `gone` deletes the agent's data on the hub.
 */
export * from './hub-objects.ts'

export const StartRequest = z.object({
  /** Default: the only machine of the hub, or the only connected machine. */
  machine_id: z.optional(z.string()),
  /** Default: an id that the hub generates. */
  agent_id: z.optional(AgentId),
  command_id: z.optional(CommandId),
  spec: Commands['agent:start'].shape.spec,
  /** The signed form of the command. The ids in this request must then be the signed ids. */
  signed: z.optional(Signed),
})
export type StartRequest = z.input<typeof StartRequest>

export * from './event-page.ts'
