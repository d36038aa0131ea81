import { accessSync, constants, statSync } from 'node:fs'
import { CommandFailure } from './failure.ts'
import type { Runtime } from './runtimes/runtime.ts'

/** That an agent can work in `cwd`. @throws CommandFailure */
export function checkCwd(cwd: string) {
  const path = 'spec.cwd'
  let isDirectory: boolean
  try {
    isDirectory = statSync(cwd).isDirectory()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EACCES')
      throw new CommandFailure('cwd_forbidden', `The daemon's user may not look into ${cwd}.`, { path })
    throw new CommandFailure('cwd_missing', `There is no folder ${cwd} on this machine.`, {
      path,
      remedy: 'Create it, or name another.',
    })
  }
  if (!isDirectory) throw new CommandFailure('cwd_not_a_directory', `${cwd} is not a folder.`, { path })
  try {
    accessSync(cwd, constants.R_OK | constants.X_OK)
  } catch {
    throw new CommandFailure('cwd_forbidden', `The daemon's user may not work in ${cwd}.`, { path })
  }
}

/** @throws CommandFailure for a runtime that is not among these */
export function runtimeOf(runtimes: Record<string, Runtime>, name: string): Runtime {
  const runtime = runtimes[name]
  if (runtime) return runtime
  throw new CommandFailure('runtime_unknown', `This daemon does not know the runtime "${name}".`, {
    path: 'spec.runtime',
    remedy: `It knows: ${Object.keys(runtimes).join(', ')}.`,
  })
}

/** That one more agent may run. @throws CommandFailure */
export function checkRoom(agents: Iterable<{ ended: boolean }>, maxAgents: number) {
  const running = [...agents].filter((agent) => !agent.ended).length
  if (running < maxAgents) return
  throw new CommandFailure('too_many_agents', `This machine runs ${running} agents, its limit.`, {
    remedy: 'Stop some, or raise max_agents in its configuration.',
  })
}
