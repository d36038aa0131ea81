import { Command } from 'commander'
import { HUB_SETTINGS, type HubLimitFlags, hubLimits } from '../../config/hub-limits.ts'
import { TRUSTED_PROXIES, trustedProxies } from '../../config/trusted-proxies.ts'
import { loadChunks } from '../../platform/chunks.ts'
import { keptSignal } from '../../platform/early-signal.ts'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import { port, repeatable } from '../options.ts'
import { note, print, serveWithoutReader } from '../terminal.ts'
import { auditCommand } from './audit.ts'
import { keyCommand } from './key.ts'
import { tokenCommand } from './token.ts'

const HELP = `
The daemon on this machine connects with the machine key; people and programs use the user key. Both keys are
files in the hub's folder. To create a key for another machine, use \`machine add\`. To create a key with a
role for a person or a program, use \`hub key create\`. \`hub key\` and \`hub token\` list keys and tokens;
\`hub audit\` lists the commands that people and programs sent.

Examples:
  $ fomular-daemon hub
  $ fomular-daemon hub --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem
  $ fomular-daemon machine add --address https://this-host:3001     for another machine`

/** Flags of a hub. */
export interface HubServeOptions extends HubLimitFlags {
  host?: string
  port?: number
  dataDir?: string
  tlsCert?: string
  tlsKey?: string
  insecure?: boolean
  trustedProxy?: string[]
  verbose?: boolean
  logLevel?: string
}

/** Adds the flags of commands that run a hub. */
export function withHubServeFlags(command: Command): Command {
  command
    .option('--host <address>', 'address to listen on (default: 127.0.0.1)')
    .option('--port <port>', 'port to listen on (default: FOMULAR_HUB_PORT, else 3001)', port)
    .option('--data-dir <dir>', "the hub's folder (default: the folder hub in the state folder)")
    .option('--tls-cert <file>', 'file with the certificate chain for TLS (PEM)')
    .option('--tls-key <file>', 'file with the private key of the certificate (PEM)')
    .option('--insecure', 'allow the hub to listen on a non-local address without TLS')
    .addOption(
      repeatable(
        '--trusted-proxy <address>',
        `proxy whose X-Forwarded-For header is trusted, or network of such proxies, such as 10.0.0.0/8; repeatable (default: ${TRUSTED_PROXIES})`,
      ),
    )
  for (const { flag, help, variable, fallback } of Object.values(HUB_SETTINGS))
    command.option(flag, `${help} (default: ${variable}, else ${fallback})`)
  return command
}

export function hubCommand(): Command {
  return withHubServeFlags(
    new Command('hub').description('run only the hub, the server that comes with this package'),
  )
    .option('--verbose', 'log debug messages')
    .option(
      '--log-level <level>',
      'level of the log: trace, debug, info, warn, error, fatal, or silent (default: info)',
    )
    .addHelpText('after', HELP)
    .action(hub)
    .addCommand(auditCommand())
    .addCommand(keyCommand())
    .addCommand(tokenCommand())
}

async function hub(options: HubServeOptions) {
  const { host = '127.0.0.1', port: given, dataDir, tlsCert, tlsKey, insecure } = options
  if ((tlsCert === undefined) !== (tlsKey === undefined))
    throw new UserError('usage', '--tls-cert and --tls-key must be given together.', { exitCode: EXIT.usage })
  const [{ stayInContainer }, { captureInvocation }] = await Promise.all([
    import('../container/stay.ts'),
    import('../../daemon/relaunch.ts'),
  ])
  const code = await stayInContainer(captureInvocation())
  if (code !== undefined) {
    process.exitCode = code
    return
  }
  const [
    { startHub },
    { hubPort },
    { isStrictByEnvironment },
    { stateDir, statePaths },
    { createLogger, LOG_LEVELS },
    { resolve },
  ] = await Promise.all([
    import('../../hub/hub.ts'),
    import('../../config/hub.ts'),
    import('../../config/ownership-policy.ts'),
    import('../../config/paths.ts'),
    import('../../platform/log.ts'),
    import('node:path'),
  ])
  serveWithoutReader()
  loadChunks()
  // A second signal ends the hub at once. Nothing is lost: machines resend everything that
  // was not acknowledged.
  let end: (reason?: UserError) => void
  const ended = new Promise<UserError | undefined>((done) => {
    end = done
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => done(undefined))
  })
  if (keptSignal()) end!()
  const { verbose, logLevel = verbose ? 'debug' : 'info' } = options
  const level = LOG_LEVELS.find((name) => name === logLevel)
  if (!level)
    throw new UserError(
      'usage',
      `--log-level is "${logLevel}", but must be one of ${LOG_LEVELS.join(', ')}.`,
      {
        exitCode: EXIT.usage,
      },
    )
  const logger = createLogger({ level, stderr: 'text' })
  const running = await startHub({
    dir: dataDir === undefined ? statePaths(stateDir(process.env)).hub : resolve(dataDir),
    host,
    port: given ?? hubPort(process.env),
    ...(tlsCert !== undefined && tlsKey !== undefined && { tls: { cert: tlsCert, key: tlsKey } }),
    ...(insecure && { insecure }),
    limits: hubLimits(options, process.env),
    trustedProxies: trustedProxies(options.trustedProxy, process.env),
    strict: isStrictByEnvironment(process.env),
    logger,
    lost: (reason) => end(reason),
  })
  print(`Hub:          ${running.url}`)
  print(`Machine key:  ${running.machineKeyPath}`)
  print(`User key:     ${running.userKeyPath}`)
  const [{ startNotifier }, { systemClock }] = await Promise.all([
    import('../../service/notify.ts'),
    import('../../platform/clock.ts'),
  ])
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
