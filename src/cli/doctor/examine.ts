import { type DaemonConfig, loadDaemonConfig } from '../../config/daemon-config.ts'
import { childEnvironment } from '../../config/environment.ts'
import { concealKey } from '../../config/key.ts'
import { isStrictByEnvironment } from '../../config/refuse-foreign.ts'
import type { DaemonFlags } from '../../config/sources.ts'
import { UserError } from '../../platform/errors.ts'
import { userOf } from '../../platform/process-list.ts'
import { ownerOf } from '../../service/find-daemons.ts'
import type { DaemonStatus } from '../client/control-client.ts'
import type { Chosen } from '../local/choose.ts'
import type { Connected } from '../local/index.ts'
import { startSettings } from '../policy/in-force.ts'
import type { Finding } from '../render/finding.ts'
import { agentUserName } from './agent-user.ts'
import { checkAuthorities } from './authorities.ts'
import { checkContainer } from './container.ts'
import { daemonView } from './daemon-view.ts'
import { checkHubKeys } from './hub-keys.ts'
import { checkNode, checkNpm } from './node.ts'
import { checkPolicy } from './policy.ts'
import { checkRuntimes } from './runtime.ts'
import { checkLink, checkServer } from './server.ts'
import { checkService } from './service.ts'
import { checkDisk, checkFolder, checkLock, checkModes, checkSurroundings } from './state.ts'
import { checkStrays } from './strays.ts'
import { checkUpdates } from './updates.ts'

/** Checks everything a daemon needs. Changes nothing. */
export async function examine(
  flags: DaemonFlags,
  env: NodeJS.ProcessEnv,
  { chosen, daemon: client, paths }: Connected,
): Promise<Finding[]> {
  const config = await loadDaemonConfig({ flags, env }).catch((error: unknown) => {
    if (error instanceof UserError) return error
    throw error
  })
  concealKey(config instanceof UserError ? undefined : config.key)
  const settings =
    config instanceof UserError ? await startSettings(env).catch(() => undefined) : { ...config, env }
  const inherited = childEnvironment(env)
  // The daemon's last check may be minutes old.
  await client.lookAnew()
  const daemon = await client.status().catch((error: unknown) => {
    if (error instanceof UserError) return error
    throw error
  })
  if (daemon instanceof UserError && daemon.code === 'daemon_forbidden') throw daemon
  const running = daemon instanceof UserError ? undefined : daemon
  const strict = config instanceof UserError ? isStrictByEnvironment(env) : config.strict_modes
  // A stopped service will run as the folder's owner, not as this user.
  const user = running ? userOf(running.pid) : chosen.service && ownerOf(paths.dir)
  const agents = agentUserName(settings, paths, running)
  const surroundings = running?.environment?.variables ?? env
  const findings = await Promise.all([
    [checkNode()],
    checkNpm(env),
    checkRuntimes(inherited, strict, running, agents),
    checkFolder(paths),
    checkModes(paths, running || config instanceof UserError ? [] : config.faults, strict, user),
    checkSurroundings(surroundings, user),
    checkLock(paths, running),
    running?.machine.problems.some(({ code }) => code.startsWith('disk_')) ? [] : checkDisk(paths),
    checkStrays(paths, running !== undefined),
    checkService(running?.pid, agents),
    checkContainer(paths.dir, running?.pid),
    checkAuthorities(surroundings, config instanceof UserError ? undefined : config.ca_file),
    checkConnection(config, daemon, chosen),
    running ? daemonView(running) : [],
    checkHubKeys(paths),
    checkUpdates(env, paths.dir),
    checkPolicy(settings, paths, running),
  ])
  return findings.flat()
}

/**
 * Checks the link of the running daemon. If no daemon runs, checks the connection that a new daemon would
 * make.
 */
async function checkConnection(
  config: DaemonConfig | UserError,
  daemon: DaemonStatus | UserError,
  { service, running }: Chosen,
): Promise<Finding[]> {
  if (!(daemon instanceof UserError)) return checkLink(daemon)
  // The service does not use this user's configuration.
  if (service && !running) {
    const { message, remedy } = daemon
    return [{ check: 'service', level: 'error', message, ...(remedy !== undefined && { remedy }) }]
  }
  if (!(config instanceof UserError)) {
    const warnings = config.warnings.map(
      (message): Finding => ({ check: 'config', level: 'warning', message }),
    )
    return [...warnings, ...(await checkServer(config))]
  }
  const { message, remedy, code } = config
  // `up` needs no key.
  const level = code === 'key_missing' ? 'warning' : 'error'
  return [{ check: 'config', level, message, ...(remedy !== undefined && { remedy }) }]
}
