import { spawn } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeAtomic } from '../platform/files.ts'
import { bootId } from '../platform/process-identity.ts'
import type { Agent } from './agent.ts'
import { uuidFrom } from './ids.ts'
import { launchScript } from './launch-script.ts'
import { AGENT_MARK } from './strays.ts'

/** Whether the launcher of the agent's present run has been there. */
export const isLaunched = (agent: Agent) => existsSync(agent.folder.claim(agent.run.run))

/**
 * Brings the run that `run.json` describes to life. May be called again after a crash at any point: what was put is not
 * put twice, and of two launchers for one run the second ends at once.
 * @param environment what the agent inherits
 * @throws the system's error when the launcher could not be started
 */
export async function launch(agent: Agent, environment: NodeJS.ProcessEnv): Promise<void> {
  const { folder, record, run, runtime } = agent
  const { spec } = record
  const plan = runtime.launch(spec, {
    path: run.program,
    dir: folder.dir,
    ...(run.session && {
      session: { ...run.session, resumeTurn: run.run > 1 && spec.restart?.resume_turn === true },
    }),
  })
  for (const [name, text] of Object.entries(plan.files)) writeAtomic(join(folder.dir, name), text)
  writeAtomic(folder.launcher, launchScript)
  // The agent opens it too; here it is made, so that it can be watched before there is anything in it.
  writeFileSync(folder.journal, '', { flag: 'a', mode: 0o600 })

  agent.inbox.put(runtime.initialize(run.initialize_id), { first: true })
  if (run.prompt_id && run.run === 1 && spec.prompt !== undefined)
    agent.inbox.put(runtime.prompt(run.prompt_id, spec.prompt))

  const { lease } = spec
  const leased = lease && lease.action !== 'keep'
  if (leased) renewLease(agent)
  const args = [
    folder.launcher,
    folder.dir,
    String(run.run),
    bootId(),
    leased ? String(lease.after_s) : '0',
    lease?.action ?? 'keep',
    runtime.statePattern,
    runtime.idlePattern,
    ...plan.argv,
  ]
  const child = spawn('/bin/sh', args, {
    cwd: spec.cwd,
    // A session and process group of its own: signals to the daemon's terminal or group do not reach it.
    detached: true,
    stdio: 'ignore',
    env: { ...environment, ...spec.env, ...plan.env, [AGENT_MARK]: folder.dir },
  })
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', reject)
  })
  child.unref()
}

export const initializeId = (agentId: string, commandId: string, run: number) =>
  uuidFrom('initialize', agentId, commandId, run)

/** Tells the agent's launcher that somebody is there. */
export function renewLease(agent: Agent) {
  writeFileSync(agent.folder.lease, `${Date.now()}\n`, { mode: 0o600 })
}
