import { existsSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { agentFolder } from '../../agents/disk/folder.ts'
import { readSigns } from '../../agents/process/marks.ts'
import { agentProcesses, endProcesses } from '../../agents/process/strays.ts'
import { type StatePaths, statePaths } from '../../config/paths.ts'
import { sleep } from '../../platform/clock.ts'
import { isAlive } from '../../platform/process-identity.ts'
import { commandLines, ownUid } from '../../platform/process-list.ts'
import { realPath } from '../../platform/real-path.ts'
import { holderOf, ownerOf } from '../../service/find-daemons.ts'
import { cleanLine } from '../render/clean.ts'
import type { Finding, Stray } from '../render/finding.ts'
import { wholeStart } from '../render/width.ts'

/** Time for a daemon to clean up after an agent that has just ended, in ms. */
const SETTLE_MS = 1500
const COMMAND_CHARS = 120
const NAME_CHARS = 64

/**
 * Reports unsupervised processes of agents. The agents belong to this state folder, or to folders that no
 * longer exist. The daemons of other state folders report their own processes. Processes are identified by
 * their environment and ancestors, never by name.
 * @param running true if a daemon runs on this state folder
 */
export async function checkStrays(paths: StatePaths, running: boolean): Promise<Finding[]> {
  const user = ownerOf(paths.dir) ?? ownUid()
  let strays = findStrays(paths, user)
  if (strays.length > 0) {
    await sleep(SETTLE_MS)
    const still = findStrays(paths, user)
    strays = strays.filter((stray) =>
      still.some(({ pid, start }) => pid === stray.pid && start === stray.start),
    )
  }
  const proven = strays.filter((stray) => stray.proven)
  const unproven = strays.filter((stray) => !stray.proven)
  const findings = [
    ...unattended(paths, { running, user }),
    ...(proven.length > 0 ? [provenFinding(proven, user === ownUid())] : []),
    ...(unproven.length > 0 ? [unprovenFinding(unproven)] : []),
  ]
  return findings.length > 0
    ? findings
    : [{ check: 'strays', level: 'ok', message: 'No agent has left a process behind' }]
}

const linesOf = (strays: Stray[]) =>
  strays
    .map(
      ({ pid, why, agent_dir, command }) =>
        `\n    ${pid}  ${why === 'ended' ? 'ended' : 'removed'}: ${cleanLine(basename(agent_dir), NAME_CHARS)}  ${cleanLine(command, COMMAND_CHARS)}`,
    )
    .join('')

const count = (strays: Stray[], one: string, many: string) =>
  strays.length === 1 ? `1 process ${one}` : `${strays.length} processes ${many}`

function provenFinding(strays: Stray[], own: boolean): Finding {
  return {
    check: 'strays',
    level: 'warning',
    message: `${count(strays, 'is', 'are')} left over from agents that have ended:${linesOf(strays)}`,
    remedy: own
      ? 'Run `fomular-daemon doctor --fix` to end them.'
      : 'Run `fomular-daemon doctor --fix` as the user of the state folder to end them.',
    ...(own && { strays }),
  }
}

/** Any process can name the folder of an agent in its environment. */
function unprovenFinding(strays: Stray[]): Finding {
  return {
    check: 'strays',
    level: 'warning',
    message: `${count(strays, 'names', 'name')} an ended or removed agent in ${strays.length === 1 ? 'its' : 'their'} environment, but nothing proves that an agent of a daemon started ${strays.length === 1 ? 'it' : 'them'}:${linesOf(strays)}`,
    remedy: `If you know that an agent left these processes behind, end them: kill ${strays.map(({ pid }) => pid).join(' ')}`,
    unproven: strays,
  }
}

/**
 * Reports agents that run without a daemon on their state folder. These agents are not lost: the next daemon
 * takes them over.
 */
function unattended(paths: StatePaths, { running, user }: { running: boolean; user: number }): Finding[] {
  const states = new Map<string, number>()
  for (const dir of agentProcesses(user).proven.keys())
    if (existsSync(dir) && !existsSync(agentFolder(dir).exit)) {
      const state = dirname(dirname(dir))
      states.set(state, (states.get(state) ?? 0) + 1)
    }
  return [...states].flatMap(([state, agents]): Finding[] => {
    if (state === realPath(paths.dir) ? running : isHeld(state)) return []
    return [
      {
        check: 'strays',
        level: 'warning',
        message: `${agents === 1 ? '1 agent runs' : `${agents} agents run`} without a daemon in the state folder ${cleanLine(state)}.`,
        remedy: 'Start a daemon with this state folder: it takes over these agents, and can stop them.',
      },
    ]
  })
}

const isHeld = (state: string) => holderOf(statePaths(state)) !== undefined

function findStrays({ agents }: StatePaths, user: number): (Stray & { proven: boolean })[] {
  const own = realPath(agents)
  const { proven, unproven } = agentProcesses(user)
  const strays = [...proven, ...unproven].flatMap(([agent_dir, processes]) => {
    if (dirname(agent_dir) !== own && existsSync(dirname(agent_dir))) return []
    const why = !existsSync(agent_dir)
      ? ('removed' as const)
      : existsSync(agentFolder(agent_dir).exit)
        ? ('ended' as const)
        : undefined
    const isProven = proven.get(agent_dir) === processes
    return why ? processes.map((identity) => ({ ...identity, agent_dir, why, proven: isProven })) : []
  })
  if (strays.length === 0) return []
  const commands = new Map(commandLines().map(({ pid, argv }) => [pid, argv.join(' ')]))
  return strays.map((stray) => ({
    ...stray,
    command: wholeStart(commands.get(stray.pid) ?? '', COMMAND_CHARS),
  }))
}

/** Ends the processes that still exist. @returns the outcome */
export async function clearStrays(strays: Stray[]): Promise<Finding> {
  const users = [...new Set(strays.map(({ agent_dir }) => agent_dir))].flatMap(
    (dir) => readSigns(dir, ownUid())?.users ?? [],
  )
  await endProcesses(strays, { users: [ownUid(), ...users] })
  const left = strays.filter(isAlive)
  if (left.length > 0)
    return {
      check: 'strays',
      level: 'error',
      message: `Still running after SIGKILL: ${left.map(({ pid }) => pid).join(', ')}`,
      remedy: 'They are waiting for a disk or network that does not respond: see `ps -o pid,stat,wchan`.',
      strays: left,
    }
  return {
    check: 'strays',
    level: 'ok',
    message: `Ended ${strays.length} process${strays.length === 1 ? '' : 'es'} left behind by agents`,
  }
}
