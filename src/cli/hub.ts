import { Command } from 'commander'
import { keptSignal } from '../platform/early-signal.ts'
import { UserError } from '../platform/errors.ts'
import { EXIT } from './exit-codes.ts'
import { keyCommand } from './hub/key.ts'
import { count, port } from './options.ts'
import { note, print, serveWithoutReader } from './terminal.ts'

const HELP = `
This machine's daemon connects with the machine key, people and programs with the user key; both are files in its folder.
Every other machine gets a key of its own by \`machine add\`; \`hub key\` shows them, and whose they are.

Examples:
  $ fomular-daemon hub
  $ fomular-daemon hub --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem
  $ fomular-daemon machine add --address https://that-host:3001     for another machine`

/** What a hub is started with. */
export interface HubServeOptions {
  host?: string
  port?: number
  dataDir?: string
  tlsCert?: string
  tlsKey?: string
  insecure?: boolean
  keepCommandsMb?: string
  keepCommandsDays?: string
  machineAgents?: number
  machineHistory?: number
  machineInFlight?: number
  verbose?: boolean
}

/** Flags of a hub that is started. */
export const withHubServeFlags = (command: Command): Command =>
  command
    .option('--host <address>', 'address to listen on (default: 127.0.0.1)')
    .option('--port <port>', 'port to listen on (default: FOMULAR_HUB_PORT, else 3001)', port)
    .option('--data-dir <dir>', 'its folder (default: hub in the state folder)')
    .option('--tls-cert <file>', 'certificate chain, PEM')
    .option('--tls-key <file>', "the certificate's private key, PEM")
    .option('--insecure', 'allow an address beyond this machine without TLS')
    .option(
      '--keep-commands-mb <MiB>',
      'MiB of outcomes of answered commands that it remembers (default: FOMULAR_HUB_KEEP_COMMANDS_MB, else 16)',
    )
    .option(
      '--keep-commands-days <days>',
      'days for which it remembers them (default: FOMULAR_HUB_KEEP_COMMANDS_DAYS, else 30)',
    )
    .option(
      '--machine-agents <count>',
      'most agents that are kept of one machine, those that are gone included (default: 10000)',
      count,
    )
    .option(
      '--machine-history <MiB>',
      "most MiB of one machine's histories; more is not taken from it (default: 102400)",
      count,
    )
    .option(
      '--machine-in-flight <MiB>',
      "most MiB of one machine's activity that may wait for the disk (default: 64)",
      count,
    )

export function hubCommand(): Command {
  return withHubServeFlags(
    new Command('hub').description('run only the hub, the server that comes with this package'),
  )
    .option('--verbose', 'log more')
    .addHelpText('after', HELP)
    .action(hub)
    .addCommand(keyCommand())
}

async function hub(options: HubServeOptions) {
  const { host = '127.0.0.1', port: given, dataDir, tlsCert, tlsKey, insecure, verbose } = options
  if ((tlsCert === undefined) !== (tlsKey === undefined))
    throw new UserError('usage', '--tls-cert and --tls-key go together.', { exitCode: EXIT.usage })
  const [{ stayInContainer }, { captureInvocation }] = await Promise.all([
    import('./container/stay.ts'),
    import('../daemon/relaunch.ts'),
  ])
  const code = await stayInContainer(captureInvocation())
  if (code !== undefined) {
    process.exitCode = code
    return
  }
  const [
    { startHub },
    { hubPort },
    { commandMemory },
    { stateDir, statePaths },
    { createLogger },
    { resolve },
  ] = await Promise.all([
    import('../hub/hub.ts'),
    import('../config/hub.ts'),
    import('../config/hub-memory.ts'),
    import('../config/paths.ts'),
    import('../platform/log.ts'),
    import('node:path'),
  ])
  serveWithoutReader()
  // A second signal ends it at once. Nothing is lost: what machines have not heard back about, they send again.
  let end: (reason?: UserError) => void
  const ended = new Promise<UserError | undefined>((done) => {
    end = done
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => done(undefined))
  })
  if (keptSignal()) end!()
  const logger = createLogger({ level: verbose ? 'debug' : 'info', stderr: 'text' })
  const running = await startHub({
    dir: dataDir === undefined ? statePaths(stateDir(process.env)).hub : resolve(dataDir),
    host,
    port: given ?? hubPort(process.env),
    ...(tlsCert !== undefined && tlsKey !== undefined && { tls: { cert: tlsCert, key: tlsKey } }),
    ...(insecure && { insecure }),
    memory: commandMemory(options, process.env),
    limits: limitsOf(options),
    logger,
    lost: (reason) => end(reason),
  })
  print(`Hub:          ${running.url}`)
  print(`Machine key:  ${running.machineKeyPath}`)
  print(`User key:     ${running.userKeyPath}`)
  const [{ startNotifier }, { systemClock }] = await Promise.all([
    import('../service/notify.ts'),
    import('../platform/clock.ts'),
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

/** What says the same to a hub that is started anew. */
export const limitFlags = ({ machineAgents, machineHistory, machineInFlight }: HubServeOptions): string[] =>
  Object.entries({
    '--machine-agents': machineAgents,
    '--machine-history': machineHistory,
    '--machine-in-flight': machineInFlight,
  }).flatMap(([flag, value]) => (value === undefined ? [] : [flag, String(value)]))

const MIB = 1024 * 1024

function limitsOf({ machineAgents, machineHistory, machineInFlight }: HubServeOptions) {
  return {
    ...(machineAgents !== undefined && { agents: machineAgents }),
    ...(machineHistory !== undefined && { history_bytes: machineHistory * MIB }),
    ...(machineInFlight !== undefined && { in_flight_bytes: machineInFlight * MIB }),
  }
}
