import { statSync } from 'node:fs'
import { loadDaemonConfig } from '../../config/daemon-config.ts'
import { STATE_UPGRADES } from '../../config/format.ts'
import { hubPort } from '../../config/hub.ts'
import { hubLimits } from '../../config/hub-limits.ts'
import { concealKey } from '../../config/key.ts'
import { type StatePaths, statePaths } from '../../config/paths.ts'
import { permitsPushLoopback } from '../../config/push-loopback.ts'
import { loadLogLevel, loadTrust } from '../../config/single-settings.ts'
import type { DaemonFlags } from '../../config/sources.ts'
import { trustedProxies } from '../../config/trusted-proxies.ts'
import { captureInvocation } from '../../daemon/relaunch.ts'
import { runDaemon } from '../../daemon/run.ts'
import { type HubOptions, startHub } from '../../hub/hub.ts'
import { readChunks } from '../../platform/chunks.ts'
import { systemClock } from '../../platform/clock.ts'
import { collectWhenIdle } from '../../platform/collect-when-idle.ts'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import { ensurePrivateDir } from '../../platform/files.ts'
import { readFormat } from '../../platform/format.ts'
import { createLogger } from '../../platform/log.ts'
import { holderOf } from '../../service/find-daemons.ts'
import { SUPERVISED } from '../../service/plan.ts'
import { isUnderWay } from '../../update/record.ts'
import { stayInContainer } from '../container/stay.ts'
import { handOver } from '../start/hand-over.ts'
import { refuseWindows } from '../start/refuse-windows.ts'
import { checkStateDir, namedStateDir, passStateDirOn, whileOnTrial } from '../start/state-dir.ts'
import { stopTime } from '../start/stop-time.ts'
import { note, serveWithoutReader } from '../terminal.ts'
import { runningHub } from './running-hub.ts'
import { isSupervisedAlready, superviseAgain } from './supervise.ts'
import { welcome } from './welcome.ts'

export interface UpOptions {
  port: number | undefined
  verbose: boolean
  flags: DaemonFlags
}

/**
 * Runs a hub and a daemon in this process. The daemon connects over a WebSocket on loopback, like any other
 * machine.
 * @returns the exit code
 */
export async function up({ port, verbose, flags }: UpOptions): Promise<number> {
  refuseWindows()
  serveWithoutReader()
  const invocation = captureInvocation()
  const ended = await stayInContainer(invocation)
  if (ended !== undefined) return ended
  const paths = statePaths(namedStateDir(flags))
  const refused = whileOnTrial(() => paths.dir)
  const { strict, faults } = await loadTrust(flags, process.env).catch(refused)
  const ground = checkStateDir(paths.dir, faults, strict)
  passStateDirOn(invocation, flags, strict)
  await handOver(paths.dir, invocation, strict)
  const supervised = isSupervisedAlready(process.env)
  // No supervisor is needed: this process stays in the foreground, and restarts the daemon and the hub.
  process.env[SUPERVISED] = '1'
  ensurePrivateDir(paths.dir)
  readFormat(paths.dir, STATE_UPGRADES)
  ground.remember()
  const level = await loadLogLevel(flags, process.env).catch(refused)
  const logger = createLogger({ level, file: paths.log, stderr: verbose ? 'text' : 'none' })
  for (const warning of ground.warnings) logger.warn(warning)
  refuseSecond(paths)
  let loseHub: (reason: UserError) => void
  const lost = new Promise<UserError>((resolve) => {
    loseHub = resolve
  })
  readChunks()
  collectWhenIdle(systemClock)
  const hub =
    (await runningHub(paths)) ??
    (await startOwnHub(paths, { port, strict, logger, lost: (reason) => loseHub(reason) }).catch(refused))
  try {
    const config = await loadDaemonConfig({
      flags: { ...flags, stateDir: paths.dir, serverUrl: hub.url, keyFile: hub.machineKeyPath },
      env: { ...process.env, FOMULAR_KEY: undefined },
    }).catch(refused)
    concealKey(config.key)
    const local = {
      ...(hub.socketPath !== undefined && { server_socket: hub.socketPath }),
      server_user: String(statSync(paths.hub).uid),
    }
    const started = new AbortController()
    const greeting = welcome({ hub, paths, signal: started.signal }).catch((error: unknown) =>
      note(`The hub does not answer: ${String(error)}`),
    )
    const onSignal = () => {
      started.abort()
      note('Stopping the agents. Press Ctrl-C again to stop them faster.')
    }
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, onSignal)
    const code = await runDaemon(
      { ...stopTime(process.env), ...config, ...local },
      { logger, invocation, lost },
    )
    started.abort()
    await greeting
    if (code !== EXIT.restart || supervised) return code
    await hub.close()
    return await superviseAgain(invocation, () => isUnderWay(paths.dir))
  } finally {
    await hub.close()
  }
}

async function startOwnHub(
  paths: StatePaths,
  { port, ...rest }: { port: number | undefined } & Required<Pick<HubOptions, 'strict' | 'logger' | 'lost'>>,
) {
  const hub = await startHub({
    dir: paths.hub,
    host: '127.0.0.1',
    port: port ?? hubPort(process.env),
    limits: hubLimits({}, process.env),
    trustedProxies: trustedProxies(undefined, process.env),
    pushLoopback: permitsPushLoopback(process.env),
    ...rest,
  })
  let closing: Promise<void> | undefined
  return {
    ...hub,
    own: true,
    close() {
      closing ??= hub.close()
      return closing
    },
  }
}

/**
 * Refuses to run a second daemon. This check comes before the start of the hub: otherwise, the hub would have
 * to stop again at once.
 */
function refuseSecond(paths: StatePaths) {
  const daemon = holderOf(paths)
  if (daemon)
    throw new UserError(
      'already_running',
      `A daemon is already running on ${paths.dir}: process ${daemon.pid}.`,
      {
        remedy: 'Stop it with `fomular-daemon stop`, or give the new daemon another folder with --state-dir.',
        exitCode: EXIT.refused,
      },
    )
}
