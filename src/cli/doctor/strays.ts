import { existsSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { agentFolder } from '../../agents/folder.ts'
import { agentProcesses, endProcesses } from '../../agents/strays.ts'
import { type StatePaths, statePaths } from '../../config/paths.ts'
import { sleep } from '../../platform/clock.ts'
import { isAlive } from '../../platform/process-identity.ts'
import { commandLines } from '../../platform/process-list.ts'
import { realPath } from '../../platform/real-path.ts'
import { holderOf } from '../../service/running.ts'
import type { Finding, Stray } from '../render/finding.ts'

/** An agent that has just ended is given so long to be cleared up by its daemon. */
const SETTLE_MS = 1500
const COMMAND_CHARS = 120

/**
 * Processes of agents that nobody looks after, of this state folder and of those that are no more: what another one has
 * left is its own daemon's to clear. Found by what they carry and what they descend from, never by name.
 * @param running whether a daemon is there for this state folder
 */
export async function checkStrays(paths: StatePaths, running: boolean): Promise<Finding[]> {
  let strays = findStrays(paths)
  if (strays.length > 0) {
    await sleep(SETTLE_MS)
    const still = findStrays(paths)
    strays = strays.filter((stray) =>
      still.some(({ pid, start }) => pid === stray.pid && start === stray.start),
    )
  }
  const findings = unattended(paths, running)
  if (strays.length > 0) return [...findings, strayFinding(strays)]
  return findings.length > 0
    ? findings
    : [{ check: 'strays', level: 'ok', message: 'No process was left behind by an agent' }]
}

function strayFinding(strays: Stray[]): Finding {
  const lines = strays.map(
    ({ pid, why, agent_dir, command }) =>
      `\n    ${pid}  ${why === 'ended' ? 'ended' : 'removed'}: ${basename(agent_dir)}  ${command}`,
  )
  return {
    check: 'strays',
    level: 'warning',
    message: `${strays.length === 1 ? '1 process is' : `${strays.length} processes are`} left of agents that have ended or were removed:${lines.join('')}`,
    remedy: 'Run `fomular-daemon doctor --fix` to end them.',
    strays,
  }
}

/** Agents that run with no daemon on their state folder. The next one takes them over: they are not lost. */
function unattended(paths: StatePaths, running: boolean): Finding[] {
  const states = new Map<string, number>()
  for (const dir of agentProcesses().keys())
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
        message: `${agents === 1 ? '1 agent runs' : `${agents} agents run`} with no daemon, in the state folder ${state}.`,
        remedy: 'Start a daemon on that folder: it takes them over, and can stop them.',
      },
    ]
  })
}

const isHeld = (state: string) => holderOf(statePaths(state)) !== undefined

function findStrays({ agents }: StatePaths): Stray[] {
  const strays: Stray[] = []
  const own = realPath(agents)
  for (const [agent_dir, processes] of agentProcesses()) {
    if (dirname(agent_dir) !== own && existsSync(dirname(agent_dir))) continue
    const why = !existsSync(agent_dir)
      ? 'removed'
      : existsSync(agentFolder(agent_dir).exit)
        ? 'ended'
        : undefined
    if (why)
      strays.push(...processes.map((identity) => ({ ...identity, command: '', agent_dir, why }) as const))
  }
  if (strays.length === 0) return []
  const commands = new Map(commandLines().map(({ pid, argv }) => [pid, argv.join(' ')]))
  return strays.map((stray) => ({
    ...stray,
    command: (commands.get(stray.pid) ?? '').slice(0, COMMAND_CHARS),
  }))
}

/** Ends them, those that have ended meanwhile left out. @returns what that comes to */
export async function clearStrays(strays: Stray[]): Promise<Finding> {
  await endProcesses(strays)
  const left = strays.filter(isAlive)
  if (left.length > 0)
    return {
      check: 'strays',
      level: 'error',
      message: `Still there after SIGKILL: ${left.map(({ pid }) => pid).join(', ')}`,
      remedy: 'They wait for a disk or a network that does not answer; see `ps -o pid,stat,wchan`.',
      strays: left,
    }
  return {
    check: 'strays',
    level: 'ok',
    message: `Ended ${strays.length} process${strays.length === 1 ? '' : 'es'} left behind by agents`,
  }
}
