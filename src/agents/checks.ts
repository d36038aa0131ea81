import { accessSync, constants, statSync } from 'node:fs'
import { systemCode } from '../platform/errors.ts'
import { Limits } from '../protocol/index.ts'
import { CommandFailure } from './command-failure.ts'
import type { RuntimeAdapter } from './runtimes/runtime.ts'

const CHOOSE = {
  missing: 'Create the folder, or use another folder.',
  notAFolder: 'Name a folder.',
  forbidden: "Give the daemon's user the right to read and enter the folder, or use another folder.",
}

/** End of each remedy for a resume, because a resumed agent cannot move to another folder. */
const ELSEWHERE = 'or start an agent in another folder (agent:start, agent start --cwd)'
const KEEP = {
  missing: `Create it again, ${ELSEWHERE}.`,
  notAFolder: `Put the folder back, ${ELSEWHERE}.`,
  forbidden: `Give the daemon's user the right to read and enter the folder, ${ELSEWHERE}.`,
}

/**
 * Checks that an agent can work in `cwd`.
 * @param again true if the agent was started in this folder before
 * @throws CommandFailure
 */
export function checkCwd(cwd: string, { again = false } = {}) {
  const remedies = again ? KEEP : CHOOSE
  const path = again ? {} : { path: 'spec.cwd' }
  const forbidden = (doing: string) =>
    new CommandFailure('cwd_forbidden', `The daemon's user may not ${doing} ${cwd}.`, {
      ...path,
      remedy: remedies.forbidden,
    })
  let isDirectory: boolean
  try {
    isDirectory = statSync(cwd).isDirectory()
  } catch (error) {
    if (systemCode(error) === 'EACCES') throw forbidden('access')
    throw new CommandFailure('cwd_missing', `The folder ${cwd} does not exist on this machine.`, {
      ...path,
      remedy: remedies.missing,
    })
  }
  if (!isDirectory)
    throw new CommandFailure('cwd_not_a_directory', `${cwd} is not a folder.`, {
      ...path,
      remedy: remedies.notAFolder,
    })
  try {
    accessSync(cwd, constants.R_OK | constants.X_OK)
  } catch {
    throw forbidden('work in')
  }
}

/** Returns a runtime by name. @throws CommandFailure if there is none */
export function runtimeOf(runtimes: Record<string, RuntimeAdapter>, name: string): RuntimeAdapter {
  if (Object.hasOwn(runtimes, name)) return runtimes[name]!
  throw new CommandFailure('runtime_unknown', `This daemon does not support the runtime "${name}".`, {
    path: 'spec.runtime',
    remedy: `Use one of these: ${Object.keys(runtimes).join(', ')}.`,
  })
}

/**
 * Checks that one more agent than `kept` is allowed: a greeting lists all agents, and its size is limited.
 * @throws CommandFailure
 */
export function checkKept(kept: number) {
  if (kept < Limits.agents) return
  throw new CommandFailure(
    'too_many_agents',
    `This machine already has ${kept} agents, including ended agents. This is the maximum that it can report to its server.`,
    { remedy: 'Remove some ended agents (agent:remove, agent remove).' },
  )
}

interface Running {
  hasEnded: boolean
  returning: boolean
}

/** Returns the number of agents that are running or about to run, not counting the agents in `except`. */
export const runningBeside = (agents: Iterable<Running>, except: ReadonlySet<object> = new Set()) =>
  [...agents].filter((agent) => !except.has(agent) && (!agent.hasEnded || agent.returning)).length

/** Checks that one more agent may run. @throws CommandFailure */
export function checkAgentLimit(agents: Iterable<{ hasEnded: boolean }>, maxAgents: number) {
  const running = [...agents].filter((agent) => !agent.hasEnded).length
  if (running < maxAgents) return
  throw new CommandFailure(
    'too_many_agents',
    `This machine already runs ${running} agents, which is its limit.`,
    {
      remedy: 'Stop some agents, or raise max_agents in its configuration.',
    },
  )
}
