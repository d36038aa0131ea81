import { CommandFailure } from '../../agents/command-failure.ts'
import { agentUser, environmentAs } from '../../agents/process/agent-user.ts'
import type { ProbeOptions } from '../../agents/runtimes/program.ts'
import type { StatePaths } from '../../config/paths.ts'
import { accountOf, groupNamesOf } from '../../platform/account.ts'
import type { DaemonStatus } from '../client/control-client.ts'
import { examineFile } from '../policy/examine-file.ts'
import { inForceOf, type StartSettings } from '../policy/in-force.ts'
import type { Finding } from '../render/finding.ts'

/** Returns the name of the user that agents run as, according to the policy; undefined for the daemon's user. */
export function agentUserName(
  settings: StartSettings | undefined,
  paths: StatePaths,
  running: DaemonStatus | undefined,
): string | undefined {
  if (running ? !running.machine.policy : !settings) return undefined
  const { file, user } = inForceOf(running, paths, settings)
  return file === undefined ? undefined : examineFile(file, user).policy?.isolation.agent_user
}

/** Groups whose members can become root without a password, and without a setuid program such as sudo. */
const ROOTLIKE = [
  'docker',
  'podman',
  'libvirt',
  'lxd',
  'incus',
  'incus-admin',
  'disk',
  'kmem',
  'shadow',
  'root',
]

/** Returns a warning if the user that agents run as can become root. */
export function rootlikeGroups(name: string): Finding[] {
  const account = accountOf(name)
  const groups = account ? groupNamesOf(account).filter((group) => ROOTLIKE.includes(group)) : []
  return groups.map((group) => ({
    check: 'agent_user',
    level: 'warning',
    message: `Agents run as ${name}, who is in the group ${group}: its members can become root.`,
    remedy: `Remove ${name} from the group: gpasswd --delete ${name} ${group}`,
  }))
}

/** Returns how to probe runtimes as this user, or why that is impossible. */
export function probeAs(
  name: string,
  env: NodeJS.ProcessEnv,
): { options: Pick<ProbeOptions, 'env' | 'command'> } | { finding: Finding } {
  if (process.getuid?.() !== 0)
    return {
      finding: {
        check: 'agent_user',
        level: 'warning',
        message: `Agents run as ${name}, so the runtimes were not checked.`,
        remedy: 'Run `fomular-daemon doctor` as root.',
      },
    }
  try {
    const user = agentUser(name)
    return { options: { env: environmentAs(user, env), command: user.command } }
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error
    const { message, remedy } = error
    return {
      finding: { check: 'agent_user', level: 'error', message, ...(remedy !== undefined && { remedy }) },
    }
  }
}
