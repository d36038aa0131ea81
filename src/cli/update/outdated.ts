import { readlinkSync, realpathSync } from 'node:fs'
import { statePaths } from '../../config/paths.ts'
import { commandLines } from '../../platform/process-list.ts'
import type { LocalDaemon } from '../../service/running.ts'
import { layoutOf } from '../../update/layout.ts'
import { ControlClient } from '../client/control-client.ts'
import { commandFor, factsOf, nameOf } from '../local/describe.ts'

/** A daemon of this machine that goes on with another version than the one that was just installed. */
export interface Outdated {
  daemon: LocalDaemon
  /** Unknown of one that this user may not ask. */
  version?: string
  /** What brings it up to date. */
  command: string
}

/**
 * The daemons that run another version than `version`, of all that run here.
 * @param program what was updated
 * @param updated the state folder of the daemon that was updated
 */
export async function outdated(version: string, program: string, updated: string): Promise<Outdated[]> {
  const { findDaemons } = await import('../../service/running.ts')
  const running = (await findDaemons(process.env)).filter(
    (each) => each.running && each.state_dir !== statePaths(updated).dir,
  )
  const looked = await Promise.all(running.map((daemon) => look(daemon, version, program)))
  return looked.flatMap((found) => found ?? [])
}

async function look(daemon: LocalDaemon, version: string, program: string): Promise<Outdated | undefined> {
  if (!daemon.usable) return daemon.near ? { daemon, command: commandFor('update', daemon) } : undefined
  const status = await new ControlClient(statePaths(daemon.state_dir).socket).glance()
  if (!status || status.version === version) return undefined
  const command = isFrom(daemon.pid, program) ? 'restart' : 'update'
  return { daemon, version: status.version, command: commandFor(command, daemon) }
}

/** Whether a process was started from the installation of a program: a new start of it is a new version then. */
function isFrom(pid: number | undefined, program: string): boolean {
  const root = rootOf(program)
  const argv = commandLines().find((each) => each.pid === pid)?.argv ?? []
  return root !== undefined && [...argv, exeOf(pid)].some((word) => rootOf(word) === root)
}

function rootOf(path: string): string | undefined {
  try {
    const program = realpathSync(path)
    return layoutOf(program, false).root
  } catch {
    return undefined
  }
}

function exeOf(pid: number | undefined): string {
  try {
    return readlinkSync(`/proc/${pid}/exe`)
  } catch {
    return ''
  }
}

export const outdatedText = ({ daemon, version, command }: Outdated) =>
  `${version === undefined ? 'May still run an older version' : `Still runs ${version}`}: ${nameOf(daemon)}\n  → ${command}`

export const outdatedFacts = ({ daemon, version, command }: Outdated) => ({
  ...factsOf(daemon),
  ...(version !== undefined && { version }),
  command,
})
