import { stateDir, statePaths } from '../../config/paths.ts'
import type { LocalDaemon } from '../../service/running.ts'
import { clean } from '../render/clean.ts'
import { note } from '../terminal.ts'
import { factsOf, lineOf, nameOf } from './describe.ts'
import { pick } from './pick.ts'

export interface Choice {
  /** As `--state-dir` gives it. */
  stateDir?: string | undefined
  /** Nobody is asked, and nothing is said beside what is printed. */
  json?: boolean | undefined
  env?: NodeJS.ProcessEnv
}

/** The daemon that is meant, and how it came to that. */
export interface Chosen extends LocalDaemon {
  /** Somebody said so, by flag, variable or answer. */
  named: boolean
  /** Worth saying: nobody has named it, and it is not the usual one. */
  notable: boolean
  /** The others that run here. */
  others: LocalDaemon[]
}

/** Whether a state folder was named, by flag or variable; under systemd its own is. */
export const isNamed = (given: string | undefined, env: NodeJS.ProcessEnv) =>
  given !== undefined || Boolean(env.FOMULAR_STATE_DIR || env.STATE_DIRECTORY)

/**
 * Which daemon of this machine a command is about: the one whose state folder is named, else the one that runs, else the
 * one that could be started again.
 * @throws UserError where there are several and nobody can be asked
 */
export async function chooseDaemon({ stateDir: given, json, env = process.env }: Choice): Promise<Chosen> {
  const { findDaemons, lookAt } = await import('../../service/running.ts')
  if (isNamed(given, env)) {
    const { dir } = statePaths(given ?? stateDir(env))
    return { ...((await lookAt(env, dir)) ?? nobody(dir)), named: true, notable: false, others: [] }
  }
  const { configuredStateDir } = await import('../../config/config.ts')
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
  const { chosen, asked } = await pick(candidates, {
    nameOf,
    lineOf,
    factsOf,
    code: 'daemon_ambiguous',
    list: 'daemons',
    many:
      running.length > 0
        ? `${count} daemons run on this machine:`
        : `No daemon runs on this machine; ${count} could:`,
    json,
  })
  const isUsual = !chosen.service && chosen.state_dir === usual
  return { ...chosen, named: asked, notable: !asked && !isUsual, others: others(chosen) }
}

/** Says which daemon a command is about. */
export function announce(chosen: Chosen) {
  if (chosen.notable) note(clean(`This is ${nameOf(chosen)}.`))
}

/** Those of other users are meant only where there are none of this one's, and no services. */
export function nearest<T extends { near: boolean }>(found: T[]): T[] {
  const near = found.filter((each) => each.near)
  return near.length > 0 ? near : found
}

const nobody = (dir: string): LocalDaemon => ({ state_dir: dir, running: false, usable: true, near: true })
