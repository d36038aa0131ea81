import { existsSync } from 'node:fs'
import { clearCompiled } from '../config/compiled.ts'
import type { DaemonConfig } from '../config/daemon-config.ts'
import { ON_TRIAL } from '../config/environment.ts'
import { STATE_UPGRADES } from '../config/format.ts'
import { statePaths } from '../config/paths.ts'
import { readChunks } from '../platform/chunks.ts'
import { systemClock } from '../platform/clock.ts'
import { keptSignal } from '../platform/early-signal.ts'
import { UserError } from '../platform/errors.ts'
import { EXIT } from '../platform/exit-codes.ts'
import { clearTemporary, ensurePrivateDir } from '../platform/files.ts'
import { readFormat, upgradeFolder } from '../platform/format.ts'
import { acquireLock, type LockHeldError, nameOf, takeLock } from '../platform/lock.ts'
import type { Logger } from '../platform/log.ts'
import { isMachineGoingDown } from '../platform/machine-shutdown.ts'
import { VERSION } from '../platform/version.ts'
import { startNotifier } from '../service/notify.ts'
import { isUnitRestarting } from '../service/unit-job.ts'
import { updateSource } from '../update/fetch/source.ts'
import { beginConfirmed } from '../update/switch/confirmed.ts'
import { type ControlRoutes, listenControl } from './control.ts'
import { Daemon } from './daemon.ts'
import { listenMetrics } from './metrics/metrics-port.ts'
import { checkUpdate, orderUpdate } from './order-update.ts'
import { captureInvocation, type Invocation, isSupervised, relaunch } from './relaunch.ts'

type Ending = 'stop' | 'restart' | 'lost'

/** Exit code if another daemon is already running on the state folder. */
const EXIT_ALREADY_RUNNING = 4

export interface RunOptions {
  logger: Logger
  /**
   * Command that restarts this program. This option is needed if argv or the environment was changed before
   * the call.
   */
  invocation?: Invocation
  /**
   * Resolves if this daemon has lost something without which it cannot run. The daemon then ends, and its
   * agents keep running for as long as their leases allow.
   */
  lost?: Promise<UserError>
}

/**
 * Runs a daemon until it receives a request to end.
 * @returns the process's exit code
 * @throws UserError if it cannot start
 */
export async function runDaemon(
  config: DaemonConfig,
  { logger, invocation = captureInvocation(), lost: without }: RunOptions,
): Promise<number> {
  const supervised = isSupervised(process.env, process.pid)
  const paths = statePaths(config.state_dir)
  ensurePrivateDir(paths.dir)
  // Check this first: if a newer version wrote the state folder, nothing in it may be changed, not even the
  // lock.
  readFormat(paths.dir, STATE_UPGRADES)
  let unlock = await takeLock(paths.lock, (text) => logger.warn(text), alreadyRunning)
  let leaveGround = () => {}
  let closeControl: (() => Promise<void>) | undefined
  let notifier: ReturnType<typeof startNotifier>
  try {
    clearTemporary(paths.dir)
    clearCompiled(paths.dir)
    if (process.env[ON_TRIAL] !== '1') upgradeFolder(paths.dir, STATE_UPGRADES)
    beginConfirmed(paths.dir)
    const ending = endings(logger, config.stop_within_s)
    let entry: string | undefined
    const restart = (another?: string) => {
      if (another === undefined) checkThere(invocation)
      entry ??= another
      ending.ask('restart')
      return { restart_strategy: supervised ? ('supervisor_required' as const) : ('self' as const) }
    }
    const daemon = new Daemon({ config, paths, clock: systemClock, logger, invocation, supervised, restart })
    daemon.start()
    // Let the connection start here, so that the server can answer while this function continues.
    await new Promise(setImmediate)
    const stop = () => ending.ask('stop')
    const source = () => updateSource(config.update, invocation.env)
    closeControl = await openDoors(config, daemon, controls(daemon, { restart, stop, source }), logger)
    readChunks()
    logger.info(
      { version: VERSION, pid: process.pid, server_url: config.server_url, state_dir: paths.dir },
      'daemon started',
    )
    notifier = startNotifier({
      env: process.env,
      pid: process.pid,
      condition: () => daemon.condition(),
      clock: systemClock,
      logger,
    })

    let lost: UserError | undefined
    const lose = (reason: UserError) => {
      lost ??= reason
      ending.ask('lost')
    }
    const { ground } = daemon
    leaveGround = () => ground.leave()
    ground.watch(
      () => {
        unlock()
        unlock = acquireLock(paths.lock)
      },
      (reason) => lose(reason),
    )
    void without?.then((reason) => lose(ground.lost() ?? reason))

    let how = await ending.asked
    leaveGround()
    if (lost && how === 'lost') {
      logger.fatal(lost.message)
      if (lost.code === 'state_gone') await ground.abandon()
      else
        logger.info(
          'agents are left running for as long as their leases allow; the next daemon takes them over',
        )
      daemon.release()
      throw lost
    }
    if (how === 'restart') {
      logger.info('restarting')
      await daemon.drainResults()
      await daemon.standDown(ending.hurry, ending.restartedByUnit())
      notifier?.close()
      how = ending.decided()
    }
    if (how === 'stop') {
      void notifier?.stopping('Stopping the agents')
      await daemon.shutDown(ending.hurry, (await isMachineGoingDown()) ? 'rebooted' : 'stopped')
    } else daemon.release()
    await closeControl()
    closeControl = undefined
    logger.info(how === 'stop' ? 'daemon stopped' : 'daemon exits to restart')
    if (how === 'stop' || ending.restartedByUnit()) return 0
    if (supervised) return EXIT.restart
    const [command, ...args] = invocation.argv
    return await startNext({ ...invocation, argv: [entry ?? command, ...args] }, daemon, logger)
  } finally {
    leaveGround()
    notifier?.close()
    await closeControl?.()
    unlock()
  }
}

/** Starts the next daemon, which replaces this daemon. @returns the exit code of this process */
async function startNext(next: Invocation, daemon: Daemon, logger: Logger): Promise<number> {
  try {
    await relaunch(next)
    return 0
  } catch (error) {
    // The exit code asks the program that started this daemon, such as a supervisor, to restart it.
    logger.error({ err: error }, 'the daemon could not be restarted')
    daemon.updates.onRelaunchFailed()
    return EXIT.restart
  }
}

/**
 * Serves requests of local programs at the control socket, and metrics at their port. @returns a function that
 * closes both
 */
async function openDoors(
  { state_dir, metrics_port }: DaemonConfig,
  daemon: Daemon,
  routes: ControlRoutes,
  logger: Logger,
) {
  const closeControl = await listenControl(statePaths(state_dir).socket, routes, logger)
  const closeMetrics = listenMetrics(metrics_port, () => daemon.metrics(), logger)
  return () => {
    closeMetrics()
    return closeControl()
  }
}

/** Returns the handlers of the requests that local programs may send to the daemon. */
const controls = (
  daemon: Daemon,
  { restart, stop, source }: { restart: () => object; stop: () => void; source: () => Promise<object> },
): ControlRoutes => ({
  'GET /status': () => daemon.status(),
  'GET /metrics': async () => ({ families: daemon.metrics() }),
  'POST /agent': async (body) => daemon.describeAgent(body),
  'POST /check': () => daemon.checkMachine().then(() => ({})),
  'POST /restart': async () => restart(),
  'GET /update/source': source,
  'POST /update': (body) => orderUpdate(daemon.updates, body),
  'POST /update/check': (body) => checkUpdate(daemon.updates, body),
  'POST /stop': async () => {
    stop()
    return {}
  },
})

/**
 * Refuses a restart if the program's file is missing: the program could not be started again after this
 * process ends.
 * @throws UserError
 */
function checkThere({ argv: [program] }: Invocation) {
  if (existsSync(program)) return
  throw new UserError('program_missing', `${program} no longer exists: it was uninstalled or moved.`, {
    remedy: 'Install it again, then restart the daemon. Until then, the daemon keeps running.',
  })
}

const alreadyRunning = ({ holder, elsewhere }: LockHeldError) =>
  new UserError('already_running', `A daemon is already running on this state folder: ${nameOf(holder)}.`, {
    remedy: elsewhere
      ? 'Stop that daemon where it runs, or set FOMULAR_STATE_DIR to another folder.'
      : 'Stop it with `fomular-daemon stop`, or set FOMULAR_STATE_DIR to another folder.',
    exitCode: EXIT_ALREADY_RUNNING,
  })

/**
 * Maximum time, in seconds, until the daemon ends after a stop is shortened. The daemon needs this time only
 * if the server does not answer.
 */
const HURRIED_S = 6

/**
 * Decides how the daemon ends. The first request decides, but a later request to stop overrides a restart. A
 * second signal shortens the stop. A signal from systemd may mean that systemd is restarting the unit.
 * @param withinS maximum duration of a stop, in seconds
 */
function endings(logger: Logger, withinS: number | undefined) {
  const hurry = new AbortController()
  let decided: Ending = 'restart'
  let signals = 0
  let restartedByUnit = false
  let resolve: (how: Ending) => void
  const asked = new Promise<Ending>((done) => {
    resolve = done
  })
  const ask = (how: Ending) => {
    if (how === 'stop' && decided !== 'stop' && withinS !== undefined)
      setTimeout(() => hurry.abort(), Math.max(0, withinS - HURRIED_S) * 1000).unref()
    if (how === 'stop') decided = how
    resolve(how)
  }
  const onSignal = (signal: NodeJS.Signals) => {
    signals += 1
    if (decided === 'stop' || signals > 1) {
      logger.warn({ signal }, 'second signal: hurrying')
      hurry.abort()
      return ask('stop')
    }
    void isUnitRestarting(process.pid, process.env).then((restarting) => {
      if (signals > 1) return
      restartedByUnit = restarting
      logger.info({ signal }, restarting ? 'systemd restarts the unit' : 'stopping')
      ask(restarting ? 'restart' : 'stop')
    })
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, onSignal)
  const kept = keptSignal()
  if (kept) onSignal(kept)
  // Ignore SIGHUP, because the daemon must keep its connection when its terminal is closed.
  process.on('SIGHUP', () => logger.info('SIGHUP ignored'))
  return {
    asked,
    ask,
    decided: () => decided,
    restartedByUnit: () => restartedByUnit && decided !== 'stop',
    hurry: hurry.signal,
  }
}
