import { Command } from 'commander'
import { HUB_SETTINGS, type HubLimitFlags } from '../../config/hub-limits.ts'
import { HUB_STORE, type HubStoreFlags } from '../../config/hub-store.ts'
import { PUSH_LOOPBACK } from '../../config/push-loopback.ts'
import { TRUSTED_PROXIES } from '../../config/trusted-proxies.ts'
import { port, repeatable } from '../options.ts'
import { auditCommand } from './audit.ts'
import { keyCommand } from './key.ts'
import { sessionCommand } from './session.ts'
import { storeCommand } from './store.ts'
import { tokenCommand } from './token.ts'

const HELP = `
The daemon on this machine connects with the machine key; people and programs use the user key. Both keys are
files in the hub's folder. To create a key for another machine, use \`machine add\`. To create a key with a
role for a person or a program, use \`hub key create\`. \`hub key\` and \`hub token\` list keys and tokens;
\`hub session\` lists browsers that are signed in to the console; \`hub audit\` lists the commands that people
and programs sent; \`hub store\` copies and checks the hub's data.

Examples:
  $ fomular-daemon hub
  $ fomular-daemon hub --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem
  $ fomular-daemon machine add --address https://this-host:3001     for another machine`

/** Flags of a hub. */
export interface HubServeOptions extends HubLimitFlags, HubStoreFlags {
  host?: string
  port?: number
  dataDir?: string
  tlsCert?: string
  tlsKey?: string
  insecure?: boolean
  trustedProxy?: string[]
  verbose?: boolean
  logLevel?: string
  pushLoopback?: boolean
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

/** Adds the flags for a hub that keeps its data in a database. */
export const withStoreFlags = (command: Command): Command =>
  command
    .option(
      '--store <address>',
      `PostgreSQL database for the hub's data, as postgres://USER@HOST/DATABASE (default: ${HUB_STORE}, else files in the hub's folder)`,
    )
    .option(
      '--store-password-file <file>',
      'file with the password for the database (default: PGPASSWORD, else PGPASSFILE, else ~/.pgpass)',
    )

export function hubCommand(): Command {
  return withStoreFlags(
    withHubServeFlags(
      new Command('hub').description('run only the hub, the server that comes with this package'),
    ),
  )
    .option(
      '--push-loopback',
      `send notifications also to push services on this machine (default: ${PUSH_LOOPBACK})`,
    )
    .option('--verbose', 'log debug messages')
    .option(
      '--log-level <level>',
      'level of the log: trace, debug, info, warn, error, fatal, or silent (default: info)',
    )
    .addHelpText('after', HELP)
    .action(async (options: HubServeOptions) => (await import('./serve.ts')).serveHub(options))
    .addCommand(auditCommand())
    .addCommand(keyCommand())
    .addCommand(sessionCommand())
    .addCommand(storeCommand())
    .addCommand(tokenCommand())
}
