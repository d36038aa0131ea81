import { stateDir, statePaths } from '../../config/paths.ts'
import type { LocalDaemon } from '../../service/find-daemons.ts'
import { clean } from '../render/clean.ts'
import { note } from '../terminal.ts'
import { factsOf, lineOf, nameOf } from './describe.ts'
import { pickOne } from './pick-one.ts'

export interface Choice {
  /** Value of `--state-dir`. */
  stateDir?: string | undefined
  /** True to ask no question and print no notes. */
  json?: boolean | undefined
  env?: NodeJS.ProcessEnv
}

/** The chosen daemon, and the way it was chosen. */
export interface Chosen extends LocalDaemon {
  /** True if a flag, a variable or an answer named the daemon. */
  named: boolean
  /**
   * True if the choice should be announced: no flag, variable or answer named the daemon, and the daemon is
   * not the usual one.
   */
  notable: boolean
  /** Other daemons that run here. */
  others: LocalDaemon[]
}

/** Reports whether a flag or variable names a state folder. In a unit, systemd may set the variable. */
export const isNamed = (given: string | undefined, env: NodeJS.ProcessEnv) =>
  given !== undefined || Boolean(env.FOMULAR_STATE_DIR || env.STATE_DIRECTORY)

/**
 * Returns the daemon on this machine to which a command applies. If a state folder is named, this is the
 * daemon of that folder. Otherwise, it is the running daemon, or a daemon that could be started.
 * @throws UserError if there are several daemons, and no terminal to ask on
 */
export async function chooseDaemon({ stateDir: given, json, env = process.env }: Choice): Promise<Chosen> {
  const { findDaemons, findDaemon } = await import('../../service/find-daemons.ts')
  if (isNamed(given, env)) {
    const { dir } = statePaths(given ?? stateDir(env))
    return { ...((await findDaemon(env, dir)) ?? nobody(dir)), named: true, notable: false, others: [] }
  }
  const { configuredStateDir } = await import('../../config/single-settings.ts')
  const configured = await configuredStateDir(env)
  const found = await findDaemons(env, configured === undefined ? [] : [configured])
  const usual = configured ?? stateDir(env)
  const running = nearest(found.filter(({ running }) => running))
  const candidates =
    running.length > 0 ? running : nearest(found.filter((each) => each.service || each.state_dir === usual))
  const others = (but?: LocalDaemon) =>
    found.filter((each) => each.running && each.state_dir !== but?.state_dir)
  if (candidates.length === 0) return { ...nobody(usual), named: false, notable: false, others: others() }
  const count = candidates.length
  const { chosen, asked } = await pickOne(candidates, {
    nameOf,
    lineOf,
    factsOf,
    code: 'daemon_ambiguous',
    list: 'daemons',
    many:
      running.length > 0
        ? `${count} daemons are running on this machine:`
        : `No daemon is running on this machine; ${count} could be started:`,
    json,
  })
  const isUsual = !chosen.service && chosen.state_dir === usual
  return { ...chosen, named: asked, notable: !asked && !isUsual, others: others(chosen) }
}

/** Prints the daemon to which a command applies. */
export function announce(chosen: Chosen) {
  if (chosen.notable) note(clean(`This is ${nameOf(chosen)}.`))
}

/**
 * Returns the entries that belong to this user or to a service. If there are none, returns all entries.
 */
export function nearest<T extends { near: boolean }>(found: T[]): T[] {
  const near = found.filter((each) => each.near)
  return near.length > 0 ? near : found
}

const nobody = (dir: string): LocalDaemon => ({ state_dir: dir, running: false, usable: true, near: true })
