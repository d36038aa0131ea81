import { resolve } from 'node:path'
import { hubPort } from '../../config/hub.ts'
import { hubLimits } from '../../config/hub-limits.ts'
import { hubStore } from '../../config/hub-store.ts'
import { stateDir, statePaths } from '../../config/paths.ts'
import { permitsPushLoopback } from '../../config/push-loopback.ts'
import { isStrictByEnvironment } from '../../config/refuse-foreign.ts'
import { trustedProxies } from '../../config/trusted-proxies.ts'
import { captureInvocation } from '../../daemon/relaunch.ts'
import { startHub } from '../../hub/hub.ts'
import { readChunks } from '../../platform/chunks.ts'
import { systemClock } from '../../platform/clock.ts'
import { collectWhenIdle } from '../../platform/collect-when-idle.ts'
import { keptSignal } from '../../platform/early-signal.ts'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import { createLogger } from '../../platform/log.ts'
import { LOG_LEVELS } from '../../platform/log-options.ts'
import { startNotifier } from '../../service/notify.ts'
import { stayInContainer } from '../container/stay.ts'
import { note, print, serveWithoutReader } from '../terminal.ts'
import type { HubServeOptions } from './index.ts'

/** Runs a hub in this process until it is asked to end. */
export async function serveHub(options: HubServeOptions) {
  const { host = '127.0.0.1', port: given, dataDir, tlsCert, tlsKey, insecure } = options
  if ((tlsCert === undefined) !== (tlsKey === undefined))
    throw new UserError('usage', '--tls-cert and --tls-key must be given together.', { exitCode: EXIT.usage })
  const code = await stayInContainer(captureInvocation())
  if (code !== undefined) {
    process.exitCode = code
    return
  }
  serveWithoutReader()
  readChunks()
  // A second signal ends the hub at once. Nothing is lost: machines resend everything that
  // was not acknowledged.
  let end: (reason?: UserError) => void
  const starting = new AbortController()
  const ended = new Promise<UserError | undefined>((done) => {
    end = (reason) => {
      starting.abort()
      done(reason)
    }
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => end())
  })
  if (keptSignal()) end!()
  const logger = createLogger({ level: levelOf(options), stderr: 'text' })
  let condition = { connected: false, text: '' }
  let notifier: ReturnType<typeof startNotifier>
  const tell = (connected: boolean, text: string) => {
    condition = { connected, text }
    const { env, pid } = process
    notifier ??= startNotifier({ env, pid, condition: () => condition, clock: systemClock, logger })
  }
  const running = await startHub({
    dir: dataDir === undefined ? statePaths(stateDir(process.env)).hub : resolve(dataDir),
    store: hubStore(options, process.env),
    host,
    port: given ?? hubPort(process.env),
    ...(tlsCert !== undefined && tlsKey !== undefined && { tls: { cert: tlsCert, key: tlsKey } }),
    ...(insecure && { insecure }),
    limits: hubLimits(options, process.env),
    trustedProxies: trustedProxies(options.trustedProxy, process.env),
    pushLoopback: options.pushLoopback ?? permitsPushLoopback(process.env),
    strict: isStrictByEnvironment(process.env),
    logger,
    lost: (reason) => end(reason),
    signal: starting.signal,
    onWait: (reason) => tell(false, reason),
  }).catch((error) => {
    if (error === starting.signal.reason) return
    notifier?.close()
    throw error
  })
  if (!running) {
    void notifier?.stopping('Stopping')
    note('stopping')
    return
  }
  print(`Hub:          ${running.url}`)
  print(`Machine key:  ${running.machineKeyPath}`)
  print(`User key:     ${running.userKeyPath}`)
  collectWhenIdle(systemClock)
  tell(true, `Listening on ${running.url}`)
  const lost = await ended
  void notifier?.stopping('Stopping')
  note('stopping')
  await running.close()
  if (lost) throw lost
}

function levelOf({ verbose, logLevel = verbose ? 'debug' : 'info' }: HubServeOptions) {
  const level = LOG_LEVELS.find((name) => name === logLevel)
  if (level) return level
  throw new UserError('usage', `--log-level is "${logLevel}", but must be one of ${LOG_LEVELS.join(', ')}.`, {
    exitCode: EXIT.usage,
  })
}
