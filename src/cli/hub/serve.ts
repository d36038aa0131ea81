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
  const ended = new Promise<UserError | undefined>((done) => {
    end = done
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => done(undefined))
  })
  if (keptSignal()) end!()
  const logger = createLogger({ level: levelOf(options), stderr: 'text' })
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
  })
  print(`Hub:          ${running.url}`)
  print(`Machine key:  ${running.machineKeyPath}`)
  print(`User key:     ${running.userKeyPath}`)
  collectWhenIdle(systemClock)
  const notifier = startNotifier({
    env: process.env,
    pid: process.pid,
    condition: () => ({ connected: true, text: `Listening on ${running.url}` }),
    clock: systemClock,
    logger,
  })
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
