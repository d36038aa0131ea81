import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sleep } from '../platform/clock.ts'
import { writeAtomic } from '../platform/files.ts'
import { bootId } from '../platform/process-identity.ts'
import type { Agent } from './agent.ts'
import { uuidFrom } from './ids.ts'
import { keepProgram } from './kept-program.ts'
import { launchScript } from './launch-script.ts'
import { AGENT_FOLDER, newMark, RUN_MARK } from './marks.ts'
import { ownEnvironment } from './own-environment.ts'

/** For a shelter to be made, and how often it is looked whether the launcher is in it. */
const SHELTER_MS = 5000
const SHELTER_STEP_MS = 10

/** Whether the launcher of the agent's present run has been there. */
export const isLaunched = (agent: Agent) => existsSync(agent.folder.claim(agent.run.run))

/** A way to start a program where the daemon's end does not reach it. */
export interface Shelter {
  /** @param name tells it from all others there, now and later */
  command(
    argv: readonly string[],
    env: NodeJS.ProcessEnv,
    name: string,
  ): { argv: [file: string, ...args: string[]]; env: NodeJS.ProcessEnv }
}

export interface LaunchOptions {
  /** What the agent inherits. */
  environment: NodeJS.ProcessEnv
  /** Its umask, as octal digits; the daemon's where there is none. */
  umask?: string | undefined
  /** Where it is to live, if not beside the daemon. One that fails is done without. */
  shelter?: Shelter | undefined
}

/**
 * Brings the run that `run.json` describes to life. May be called again after a crash at any point: what was put is not
 * put twice, and of two launchers for one run the second ends at once.
 * @throws the system's error when the launcher could not be started
 */
export async function launch(agent: Agent, { environment, umask, shelter }: LaunchOptions): Promise<void> {
  const { folder, record, run, runtime } = agent
  const { spec } = record
  const plan = runtime.launch(spec, {
    path: keepProgram(agent),
    dir: folder.dir,
    ...(run.session && {
      session: {
        ...run.session,
        resumeTurn: run.run > 1 && (spec.restart?.resume_turn === true || run.resume_turn === true),
      },
    }),
  })
  for (const [name, text] of Object.entries(plan.files)) writeAtomic(join(folder.dir, name), text)
  writeAtomic(folder.launcher, launchScript)
  // The agent opens it too; here it is made, so that it can be watched before there is anything in it.
  writeFileSync(folder.journal, '', { flag: 'a', mode: 0o600 })

  putFirst(agent)
  const { lease } = spec
  const leased = lease && lease.action !== 'keep'
  if (leased) renewLease(agent)
  const args = [
    folder.launcher,
    folder.real,
    String(run.run),
    bootId(),
    leased ? String(lease.after_s) : '0',
    lease?.action ?? 'keep',
    runtime.statePattern,
    runtime.idlePattern,
    runtime.tasksPattern,
    runtime.noTasksPattern,
    ...plan.argv,
  ]
  const marks = { [AGENT_FOLDER]: folder.real, [RUN_MARK]: markOf(agent) }
  writeAtomic(folder.environment, ownEnvironment({ ...spec.env, ...plan.env, ...marks }, umask))
  const env = { ...environment, ...marks }
  const bare: Spawned = { argv: ['/bin/sh', ...args], env, cwd: spec.cwd }
  if (shelter && !isLaunched(agent)) {
    const name = shelterName(agent)
    note(agent, name)
    const sheltered = { cwd: spec.cwd, ...shelter.command(bare.argv, env, name) }
    if (await startsWithin(SHELTER_MS, sheltered, () => isLaunched(agent))) return
    note(agent, undefined)
  }
  await start(bare)
}

/** Puts the input that a run gets before all else. @throws the file system's error */
export function putFirst({ inbox, record, run, runtime }: Agent) {
  const { prompt } = record.spec
  inbox.put(runtime.initialize(run.initialize_id), { first: true })
  if (run.prompt_id && run.run === 1 && prompt !== undefined) inbox.put(runtime.prompt(run.prompt_id, prompt))
}

interface Spawned {
  argv: [file: string, ...args: string[]]
  env: NodeJS.ProcessEnv
  cwd: string
}

/** @throws the system's error */
async function start({ argv: [file, ...args], env, cwd }: Spawned): Promise<ChildProcess> {
  // A session and process group of its own: signals to the daemon's terminal or group do not reach it.
  const child = spawn(file, args, { cwd, env, detached: true, stdio: 'ignore' })
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', reject)
  })
  child.unref()
  return child
}

/** Starts a program that is to come to something by way of another, which may fail or hang. @returns whether it did */
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

/** Two state folders may have agents of one name. */
function shelterName({ id, folder, run }: Agent) {
  const hash = createHash('sha256').update(folder.dir).digest('hex').slice(0, 8)
  return `fomular-agent-${id}-${hash}-${run.run}`
}

/** Returns the secret of the agent's present run, which is on disk before anything carries it. */
function markOf(agent: Agent): string {
  const mark = agent.run.mark ?? newMark()
  if (agent.run.mark === undefined) {
    agent.run = { ...agent.run, mark }
    writeAtomic(agent.folder.run, JSON.stringify(agent.run))
  }
  return mark
}

/** Written down before it is made: whoever finds the agent later knows where to look. */
function note(agent: Agent, shelter: string | undefined) {
  const { shelter: _, ...run } = agent.run
  agent.run = shelter === undefined ? run : { ...run, shelter }
  writeAtomic(agent.folder.run, JSON.stringify(agent.run))
}

export const initializeId = (agentId: string, commandId: string, run: number) =>
  uuidFrom('initialize', agentId, commandId, run)

/** Tells the agent's launcher that somebody is there. */
export function renewLease(agent: Agent) {
  writeFileSync(agent.folder.lease, `${Date.now()}\n`, { mode: 0o600 })
}
