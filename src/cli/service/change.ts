import { existsSync, lstatSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Signs } from '../../agents/process/marks.ts'
import { statePaths } from '../../config/paths.ts'
import { sleep } from '../../platform/clock.ts'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import { readJson } from '../../platform/files.ts'
import { isAlive, ProcessIdentity } from '../../platform/process-identity.ts'
import { realPath } from '../../platform/real-path.ts'
import type { AgentStatus } from '../../protocol/index.ts'
import { findAccount } from '../../service/accounts.ts'
import type { Manager, Status } from '../../service/manager.ts'
import type { Account, ServicePlan } from '../../service/plan.ts'
import type { Step } from '../../service/steps.ts'
import { ControlClient } from '../client/control-client.ts'

export interface Change {
  /** Steps that come before all other steps. */
  steps: Step[]
  /** Effects on agents, printed before the steps. */
  notes: string[]
  /** True if the running service and its agents are stopped before the new service is written. */
  stops: boolean
}

/**
 * Maximum wait for a daemon to stop, in ms: agents stop in parallel, but each may use all of its grace
 * periods.
 */
const STOPPED_MS = 120_000
const POLL_MS = 100

interface Changing {
  plan: ServicePlan
  manager: Manager
  /** Current status of the service. */
  before: Status
  /** True if changing the service's file ends its agents. */
  renews: boolean
  /** True if the running service is hand-written. */
  ofOthers: boolean
}

/**
 * Plans the first steps for a service that gets another user or state folder. Agents belong to their user and
 * their folder, and cannot move to another user or folder.
 * @throws UserError if the new user cannot have the folder
 */
export async function planChange({ plan, manager, before, renews, ofOthers }: Changing): Promise<Change> {
  const owner = await ownerOf(plan.stateDir, plan.account)
  const from = before.user ?? owner?.name
  const otherUser = from !== undefined && from !== plan.account.name
  const moved = before.state_dir !== undefined && before.state_dir !== plan.stateDir
  const stops = before.running && ((before.user !== undefined && otherUser) || moved)
  const ends = stops || (before.running && renews)
  const steps: Step[] = []
  // The manager of a hand-written service may end the service and its agents without asking the daemon. Stop
  // the daemon first.
  if (ends && ofOthers && before.state_dir !== undefined) steps.push(stopDaemon(before.state_dir))
  if (stops) steps.push(...manager.stop({ name: plan.name, home: plan.account.home }))
  const notes = ends ? await farewell(plan, before, otherUser ? from : undefined) : []
  if (moved) notes.push(`The records of its agents stay in ${before.state_dir}.`)
  const left = before.running || !owner ? [] : await unattended(plan.stateDir, owner)
  if (otherUser && left.length > 0) {
    notes.push(
      `${count(left.length)} as ${from} in ${plan.stateDir}, without a daemon: ${verb(left.length)} ended first.`,
    )
    const { endStrays } = await import('../../agents/process/strays.ts')
    for (const signs of left) steps.push({ do: 'act', text: `end ${signs.dir}`, act: () => endStrays(signs) })
  }
  if (owner && owner.uid !== plan.account.uid) steps.push(...(await changeHands(plan, owner, notes)))
  return { steps, notes, stops }
}

function stopDaemon(stateDir: string): Step {
  const { lock, socket } = statePaths(stateDir)
  const act = async () => {
    const holder = readJson(lock, ProcessIdentity)
    await new ControlClient(socket).stop()
    const deadline = Date.now() + STOPPED_MS
    while (holder.ok && isAlive(holder.value) && Date.now() < deadline) await sleep(POLL_MS)
  }
  return { do: 'act', text: `stop the daemon on ${stateDir}, and its agents`, act }
}

const count = (agents: number) => `${agents === 1 ? '1 agent runs' : `${agents} agents run`}`
const verb = (agents: number) => (agents === 1 ? 'it is' : 'they are')

/** @param user owner of the agents' sessions, if no other user can continue these sessions */
async function farewell(plan: ServicePlan, before: Status, user: string | undefined): Promise<string[]> {
  if (before.state_dir === undefined) return []
  const status = await new ControlClient(statePaths(before.state_dir).socket).status().catch(() => undefined)
  const notes =
    user === undefined ? [] : [`${plan.name} has run as ${user}, and will run as ${plan.account.name}.`]
  const running = (status?.agents ?? []).filter(({ state }) => state !== 'exited' && state !== 'failed')
  if (running.length === 0) return notes
  const listed = running.map(named).join(', ')
  notes.push(
    `${count(running.length)}: ${listed}. ${running.length === 1 ? 'It cannot' : 'They cannot'} move with the service: ${verb(running.length)} ended gracefully first.`,
  )
  if (user !== undefined)
    notes.push(
      `Sessions stay with ${user}: ${plan.account.name} cannot resume them. Start new agents, or install the service as ${user} again.`,
    )
  if (status?.server_hears_ms === null)
    notes.push(
      'The server does not answer this daemon now: activity that the server has not received may stay here.',
    )
  return notes
}

const named = ({ agent_id, session_id }: AgentStatus) =>
  session_id === undefined ? agent_id : `${agent_id} (session ${session_id})`

/** Returns the agents of a user that run in a state folder without a daemon. */
async function unattended(stateDir: string, { uid }: Owner): Promise<Signs[]> {
  const { agentProcesses } = await import('../../agents/process/strays.ts')
  const { readSigns } = await import('../../agents/process/marks.ts')
  const agents = realPath(statePaths(stateDir).agents)
  const running = [...agentProcesses(uid).proven.keys()].filter((dir) => dirname(dir) === agents)
  return running.flatMap((dir) => readSigns(dir, uid) ?? [])
}

interface Owner {
  uid: number
  name: string
  /** True if no account has this uid. */
  orphaned: boolean
}

async function ownerOf(dir: string, own: Account): Promise<Owner | undefined> {
  const stat = lstatSync(dir, { throwIfNoEntry: false })
  if (!stat) return undefined
  const account = stat.uid === own.uid ? own : await findAccount(stat.uid)
  return { uid: stat.uid, name: account?.name ?? `user ${stat.uid}`, orphaned: account === undefined }
}

/**
 * Prepares a state folder for its new owner. systemd makes the unit's user the owner of the usual state
 * folder and of everything in it. Files from root can be trusted. Files from another user must not decide
 * which programs the next user, or root, runs.
 */
async function changeHands(plan: ServicePlan, owner: Owner, notes: string[]): Promise<Step[]> {
  const { stateDir, account } = plan
  const { orphaned } = owner
  if (!plan.usualStateDir)
    throw new UserError('state_of_another', `${stateDir} belongs to ${owner.name}, not to ${account.name}.`, {
      remedy: orphaned
        ? `No account has this uid. If it was the uid of ${account.name}, run chown -R -h ${account.name}: '${stateDir.replaceAll("'", "'\\''")}'`
        : `Name a folder of ${account.name}'s with --state-dir, or run the service as ${owner.name}: --user ${owner.name}`,
      exitCode: EXIT.refused,
    })
  // An account of the same name with a new uid is the same user.
  if (owner.uid === 0 || orphaned) return []
  const aside = freeName(`${stateDir}.of-${owner.name.replace(/[^\w.-]/g, '_')}`)
  notes.push(`The state folder of ${owner.name} is moved to ${aside}; the machine keeps its identity.`)
  return [{ do: 'set-aside', path: stateDir, aside }]
}

function freeName(path: string): string {
  for (let n = 1; ; n++) {
    const name = n === 1 ? path : `${path}-${n}`
    if (!existsSync(name)) return name
  }
}
