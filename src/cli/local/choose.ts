import { stateDir, statePaths } from '../../config/paths.ts'
import { UserError } from '../../platform/errors.ts'
import type { LocalDaemon } from '../../service/running.ts'
import { EXIT } from '../exit-codes.ts'
import { isInteractive, note } from '../terminal.ts'
import { factsOf, lineOf, nameOf } from './describe.ts'

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
const isNamed = (given: string | undefined, env: NodeJS.ProcessEnv) =>
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
  const chosen = candidates.length > 1 ? await ask(candidates, json) : candidates[0]
  const others = found.filter((each) => each.running && each.state_dir !== chosen?.state_dir)
  if (!chosen) return { ...nobody(usual), named: false, notable: false, others }
  const asked = candidates.length > 1
  const usualOne = !chosen.service && chosen.state_dir === usual
  return { ...chosen, named: asked, notable: !asked && !usualOne, others }
}

/** Says which daemon a command is about. */
export function announce(chosen: Chosen) {
  if (chosen.notable) note(`This is ${nameOf(chosen)}.`)
}

/** Those of other users are meant only where there are none of this one's, and no services. */
function nearest(found: LocalDaemon[]): LocalDaemon[] {
  const near = found.filter((each) => each.near)
  return near.length > 0 ? near : found
}

const nobody = (dir: string): LocalDaemon => ({ state_dir: dir, running: false, usable: true, near: true })

async function ask(candidates: LocalDaemon[], json: boolean | undefined): Promise<LocalDaemon> {
  const lines = candidates.map((each, index) => `  ${index + 1}. ${nameOf(each)}`)
  const many = candidates[0]!.running
    ? `${candidates.length} daemons run on this machine:`
    : `No daemon runs on this machine; ${candidates.length} could:`
  if (json || !isInteractive())
    throw new UserError('daemon_ambiguous', `${many}\n${candidates.map(said).join('\n')}`, {
      remedy: 'Say which one is meant, with --state-dir or FOMULAR_STATE_DIR.',
      exitCode: EXIT.usage,
      facts: { daemons: candidates.map(factsOf) },
    })
  note(`${many}\n${lines.join('\n')}`)
  const { askLine } = await import('../prompt.ts')
  const answer = await askLine('Which one? ')
  const chosen = /^\d+$/.test(answer) ? candidates[Number(answer) - 1] : undefined
  if (chosen) return chosen
  throw new UserError('daemon_ambiguous', 'None of them was chosen.', {
    remedy: `Type a number from 1 to ${candidates.length}, or name one with --state-dir.`,
    exitCode: EXIT.usage,
  })
}

const said = (each: LocalDaemon) => `  ${nameOf(each)}\n    ${lineOf(each)}`
