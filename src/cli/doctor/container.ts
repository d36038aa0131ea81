import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { dirname } from 'node:path'
import { interpreterOf, nameOf, parentOf } from '../../platform/ancestors.ts'
import { endsContainer, isKept, unreaped } from '../container/main-process.ts'
import type { Finding } from '../render/finding.ts'

const SHELL = /^(sh|dash|ash|bash|busybox)$/

const warning = (message: string, remedy: string): Finding => ({
  check: 'container',
  level: 'warning',
  message,
  remedy,
})

/**
 * Checks a container whose main process is the daemon. Returns nothing outside of such a container.
 * @param pid process id of the running daemon
 */
export async function checkContainer(stateDir: string, pid: number | undefined): Promise<Finding[]> {
  const env = pid === undefined ? {} : environmentOf(pid)
  const keeper = pid === undefined ? undefined : parentOf(pid)
  // A unit of systemd is not a container, although `keep.sh` may also run the daemon of a unit.
  const kept = isKept(env, keeper) && env.SYSTEMD_EXEC_PID === undefined
  if (!kept && !endsContainer()) return []
  const findings: Finding[] = []
  if (isPartOfContainer(stateDir))
    findings.push(
      warning(
        `The state folder ${stateDir} is part of the container, and is deleted with the container. The agents, their sessions and this machine's identity are then lost.`,
        `Keep the state folder on a volume: docker run --volume fomular:${stateDir}`,
      ),
    )
  const zombies = unreaped(env)
  if (zombies) findings.push(warning(zombies.message, zombies.remedy))
  if (kept && keeper !== 1 && (SHELL.test(nameOf(1)) || SHELL.test(interpreterOf(1))))
    findings.push(
      warning(
        `Process 1 of the container is ${nameOf(1)}, which forwards no signals: when the container stops, the daemon and its agents are killed.`,
        'Start the daemon with exec in the last line of the script, or write the command of the container as a list: CMD ["fomular-daemon"]',
      ),
    )
  if (findings.length > 0) return findings
  return [{ check: 'container', level: 'ok', message: 'The container survives restarts of the daemon' }]
}

function environmentOf(pid: number): NodeJS.ProcessEnv {
  try {
    const lines = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
    return Object.fromEntries(lines.map((line) => line.split(/=(.*)/s, 2)))
  } catch {
    // The process belongs to another user.
    return {}
  }
}

/** Reports whether a folder is on the container's own file system. */
function isPartOfContainer(path: string): boolean {
  if (!existsSync(path)) return path !== '/' && isPartOfContainer(dirname(path))
  const real = realpathSync(path)
  const mounted = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((mount) => mount !== '' && mount !== '/')
    .map((mount) =>
      mount.replace(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(parseInt(code, 8))),
    )
  return !mounted.some((mount) => real === mount || real.startsWith(`${mount}/`))
}
