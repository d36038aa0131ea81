import { readlinkSync, realpathSync } from 'node:fs'
import { statePaths } from '../../config/paths.ts'
import { orUndefined } from '../../platform/or-undefined.ts'
import { commandLines } from '../../platform/process-list.ts'
import type { LocalDaemon } from '../../service/find-daemons.ts'
import { layoutOf } from '../../update/switch/layout.ts'
import { ControlClient } from '../client/control-client.ts'
import { commandFor, factsOf, nameOf } from '../local/describe.ts'

/** A daemon on this machine that does not run the installed version. */
export interface Outdated {
  daemon: LocalDaemon
  /** Absent if this user may not query the daemon. */
  version?: string
  /** Command line that updates the daemon. */
  command: string
}

/**
 * Returns the daemons on this machine whose version is not `version`.
 * @param program the program that was updated
 * @param updated the state folder of the daemon that was updated
 */
export async function outdated(version: string, program: string, updated: string): Promise<Outdated[]> {
  const { findDaemons } = await import('../../service/find-daemons.ts')
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

/**
 * Reports whether a process was started from a program's installation, so that a restart runs the new
 * version.
 */
function isFrom(pid: number | undefined, program: string): boolean {
  const root = rootOf(program)
  const argv = commandLines().find((each) => each.pid === pid)?.argv ?? []
  return root !== undefined && [...argv, exeOf(pid)].some((word) => rootOf(word) === root)
}

function rootOf(path: string): string | undefined {
  return orUndefined(() => layoutOf(realpathSync(path), false).root)
}

const exeOf = (pid: number | undefined) => orUndefined(() => readlinkSync(`/proc/${pid}/exe`)) ?? ''

export const outdatedText = ({ daemon, version, command }: Outdated) =>
  `${version === undefined ? 'May still run an older version' : `Still runs ${version}`}: ${nameOf(daemon)}\n  → ${command}`

export const outdatedFacts = ({ daemon, version, command }: Outdated) => ({
  ...factsOf(daemon),
  ...(version !== undefined && { version }),
  command,
})
