import type { Command } from 'commander'

/** Flags that become settings: `loadDaemonConfig` reads them, checks them and knows their defaults. */
export const withDaemonFlags = (command: Command): Command =>
  withSharedDaemonFlags(
    command
      .option('--server-url <url>', 'the server (default: ws://localhost:3001)')
      .option('--key-file <file>', "file with this machine's key for it (recommended)")
      .option('--key <key>', 'the key itself, which other users can see on a command line')
      .option('--ca-file <file>', "certificate authority of the server's certificate, PEM")
      .option('--allow-insecure', 'allow a server beyond this machine without TLS')
      .option(
        '--server-user <user>',
        'the only user, beside root and its own, who may run a server on this machine (default: who ran it first)',
      )
      .option(
        '--log-format <format>',
        'of the log on standard error: text, json or none; the state folder has it in any case (default: text)',
      ),
  )

/** Those that do not say which server. */
export const withSharedDaemonFlags = (command: Command): Command =>
  command
    .option(
      '--config <file>',
      'configuration file, TOML (default: FOMULAR_CONFIG, else ~/.fomular/config.toml)',
    )
    .option('--state-dir <dir>', 'state folder (default: FOMULAR_STATE_DIR, else ~/.fomular/state)')
    .option(
      '--strict-modes <true|false>',
      'refuse files and folders that other users can change (default: true)',
    )
    .option('--log-level <level>', 'trace, debug, info, warn, error, fatal or silent (default: info)')
    .option('--max-agents <count>', 'most agents at the same time (default: 200)')
    .option('--stop-grace-s <seconds>', 'seconds for each step of a graceful stop (default: 5)')
    .option(
      '--stop-within-s <seconds>',
      'seconds for a whole stop; towards their end the rest is hurried (default: 10 as the main process of a container)',
    )
    .option(
      '--resume-turns',
      'agents that the daemon stops for its own restart go on with the turn they were in (default: they wait)',
    )
    .option(
      '--journal-cap-mb <MiB>',
      "MiB of delivered activity kept per agent on this machine's disk (default: 256)",
    )
    .option('--retain-ended-days <days>', 'days after which an ended agent is removed here (default: 7)')
