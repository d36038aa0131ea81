import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { closeSync, constants, existsSync, writeSync } from 'node:fs'
import { sleep } from '../../platform/clock.ts'
import { writeAtomic } from '../../platform/files.ts'
import { type OpenFolder, openFolder } from '../../platform/open-folder.ts'
import { openOwnPlain } from '../../platform/plain-files.ts'
import { bootId } from '../../platform/process-identity.ts'
import { SYSTEM_PATH } from '../../platform/system-path.ts'
import type { Agent } from '../agent.ts'
import { uuidFrom } from '../events/ids.ts'
import type { Permit } from '../permit.ts'
import { runOf } from '../run-of.ts'
import type { RepositoryTrust } from '../trust/repository-trust.ts'
import { type AgentUser, checkFolderAs, environmentAs } from './agent-user.ts'
import { limitsOf } from './cgroup/limits.ts'
import { makeGroup } from './cgroup/make-group.ts'
import type { AgentGroups } from './cgroup/run-group.ts'
import { confined, GIVEN } from './confined.ts'
import { keepProgram } from './kept-program.ts'
import { launchScript } from './launch-script.ts'
import { AGENT_FOLDER, AGENT_UID, newMark, RUN_MARK, startedAs } from './marks.ts'
import { checkSessionUser } from './sessions.ts'

/** Maximum time for a launcher to start in a shelter, in ms. */
const SHELTER_MS = 5000
/** Interval at which the daemon checks whether the launcher has started, in ms. */
const SHELTER_STEP_MS = 10

/** Reports whether a launcher has claimed the agent's current run. */
export const isLaunched = (agent: Agent) => existsSync(agent.folder.claim(agent.run.run))

/** A place for programs that must outlive the daemon, such as a systemd scope. */
export interface Shelter {
  /**
   * Returns a changed command line and environment, which run `argv` with `env` in this place.
   * @param name a name that is used in this place only once
   */
  command(
    argv: readonly string[],
    env: NodeJS.ProcessEnv,
    name: string,
  ): { argv: [file: string, ...args: string[]]; env: NodeJS.ProcessEnv }
}

export interface LaunchOptions {
  /** Environment that the agent inherits. */
  environment: NodeJS.ProcessEnv
  /** The agent's umask, as octal digits. */
  umask: string
  permit: Permit
  trust: Pick<RepositoryTrust, 'mayUse'>
  /**
   * Place in which to start the agent. If starting it there fails, the agent is started without a shelter.
   */
  shelter?: Shelter | undefined
  /**
   * Folder for the control group of an agent without a shelter; undefined if this machine cannot have control
   * groups.
   */
  groups?: AgentGroups | undefined
}

/**
 * Launches the run in `run.json`, unless a launcher has claimed it. This function may be called again after a crash at any point: no input is
 * delivered twice, and a second launcher for a run exits at once.
 * @throws CommandFailure if the launch is not permitted, or the system error if the launcher cannot be
 * started
 */
export async function launch(agent: Agent, options: LaunchOptions): Promise<void> {
  if (isLaunched(agent)) return
  const place = openFolder(agent.record.spec.cwd)
  try {
    await launchIn(place, agent, options)
  } finally {
    place.close()
  }
}

async function launchIn(
  place: OpenFolder,
  agent: Agent,
  { environment, umask, permit, trust, shelter, groups }: LaunchOptions,
): Promise<void> {
  const { folder, record, run, runtime } = agent
  // Check again, because the policy, or a link in the folder's path, may have changed since the command.
  const permitted = permit({ ...record.spec, cwd: place.real }, run.program)
  const { spec, inherits, user } = permitted
  checkSessionUser(agent, run.session?.mode === 'resume' ? run.session.id : undefined, user?.name)
  if (user) await checkFolderAs(user, place.real)
  const ignoresStartupFiles = !trust.mayUse(agent, permitted)
  if (ignoresStartupFiles) agent.run = { ...agent.run, ignores_startup_files: true }
  const plan = runtime.launch(spec, {
    // Another user cannot reach the link to the program in the agent's folder.
    path: user ? run.program : keepProgram(agent),
    dir: user ? GIVEN : folder.dir,
    ignoresStartupFiles,
    ...(run.session && {
      session: {
        ...run.session,
        resumeTurn: run.run > 1 && (spec.restart?.resume_turn === true || run.resume_turn === true),
      },
    }),
  })
  writeAtomic(folder.launcher, launchScript)
  // The launcher could create the journal, but the daemon must watch it before the launcher writes to it.
  agent.journal.create()
  // If this daemon is killed, the next daemon must know the journal's end before this run.
  agent.save()

  putFirst(agent)
  const { lease } = spec
  const leased = lease && lease.action !== 'keep'
  if (leased) renewLease(agent)
  const mark = run.mark ?? newMark()
  const marks = { [AGENT_FOLDER]: folder.real, [RUN_MARK]: mark }
  const limits = limitsOf(permitted.resources ?? {}, spec)
  recordStart(agent, { user, mark, group: makeGroup({ folder, mark }, shelter ? undefined : groups, limits) })
  const base = user ? environmentAs(user, environment) : environment
  const inherited = Object.entries(base).filter(([name]) => name !== AGENT_UID && inherits(name))
  const env: NodeJS.ProcessEnv = {
    ...Object.fromEntries(inherited),
    ...marks,
    ...(user && { [AGENT_UID]: String(user.uid) }),
  }
  const own = { ...(user && { PATH: base.PATH }), ...spec.env, ...plan.env, ...marks }
  // The launcher and setpriv run as root, and must not find programs in folders that agents can change.
  if (user) env.PATH = SYSTEM_PATH
  const argv = await confined(agent, permitted, { ...plan, env, own, umask })
  const args = [
    folder.launcher,
    folder.real,
    String(run.run),
    run.launched_at,
    bootId(),
    leased ? String(lease.after_s) : '0',
    lease?.action ?? 'keep',
    runtime.idle.state,
    runtime.idle.idle,
    runtime.idle.tasks,
    runtime.idle.noTasks,
    agent.run.group ?? '',
    limits.length > 0 ? 'limited' : '',
    ...argv,
  ]
  const bare: Spawned = { argv: ['/bin/sh', ...args], env, cwd: place.entry }
  if (shelter && !isLaunched(agent)) {
    const name = shelterName(agent)
    note(agent, name)
    const sheltered = { cwd: place.entry, ...shelter.command(bare.argv, env, name) }
    if (await startsWithin(SHELTER_MS, sheltered, () => isLaunched(agent))) return
    note(agent, undefined)
  }
  await start(bare)
}

/** Puts the first inputs of a run into the agent's inbox. @throws the file system's error */
export function putFirst({ inbox, record, run, runtime }: Agent) {
  const inputs = runtime.open(runOf(record, run))
  for (const [index, input] of inputs.entries()) inbox.put(input, { first: index === 0 })
}

interface Spawned {
  argv: [file: string, ...args: string[]]
  env: NodeJS.ProcessEnv
  cwd: string
}

/** @throws the system error */
async function start({ argv: [file, ...args], env, cwd }: Spawned): Promise<ChildProcess> {
  // Use a separate Unix session and process group, so that signals to the daemon's terminal or group do not
  // reach the agent.
  const child = spawn(file, args, { cwd, env, detached: true, stdio: 'ignore' })
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', reject)
  })
  child.unref()
  return child
}

/** Starts a program through a wrapper, which may fail or hang. @returns whether the program started in time */
async function startsWithin(ms: number, spawned: Spawned, hasCome: () => boolean): Promise<boolean> {
  const child = await start(spawned).catch(() => undefined)
  for (let waited = 0; child && waited < ms && !hasCome(); waited += SHELTER_STEP_MS) {
    if (child.exitCode !== null || child.signalCode !== null) break
    await sleep(SHELTER_STEP_MS)
  }
  if (hasCome()) return true
  child?.kill('SIGTERM')
  return false
}

/**
 * Returns the name of an agent's shelter. The name contains a hash of the agent's folder, because agents of
 * two state folders may have the same id.
 */
function shelterName({ id, folder, run }: Agent) {
  const hash = createHash('sha256').update(folder.dir).digest('hex').slice(0, 8)
  return `fomular-agent-${id}-${hash}-${run.run}`
}

/**
 * Records the run's user, secret, and control group before a process has them, so that a later daemon finds
 * the process.
 */
function recordStart(
  agent: Agent,
  { user, mark, group }: { user: AgentUser | undefined; mark: string; group: string | undefined },
) {
  const { group: _, ...run } = agent.run
  agent.run = { ...startedAs(run, user), mark, ...(group !== undefined && { group }) }
  writeAtomic(agent.folder.run, JSON.stringify(agent.run))
}

/** Records the shelter before it is created, so that a later daemon knows where the agent is. */
function note(agent: Agent, shelter: string | undefined) {
  const { shelter: _, ...run } = agent.run
  agent.run = shelter === undefined ? run : { ...run, shelter }
  writeAtomic(agent.folder.run, JSON.stringify(agent.run))
}

export const initializeId = (agentId: string, commandId: string, run: number) =>
  uuidFrom('initialize', agentId, commandId, run)

/** Changes the number in the agent's lease file, so that the launcher knows that a daemon is connected. */
export function renewLease(agent: Agent) {
  const fd = openOwnPlain(agent.folder.lease, constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW)
  try {
    // The file is not truncated first, because its content always has the same number of bytes.
    writeSync(fd, `${Date.now()}\n`)
  } finally {
    closeSync(fd)
  }
}
