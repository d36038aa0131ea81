import { type Command, Option } from 'commander'
import { joinLabels } from './join-labels.ts'

/**
 * Adds the flags that become settings. `loadDaemonConfig` checks these flags, and contains their defaults.
 */
export const withDaemonFlags = (command: Command): Command =>
  withSharedDaemonFlags(
    command
      .option('--server-url <url>', 'server to connect to (default: ws://localhost:3001)')
      .option('--key-file <file>', "file with this machine's key for the server (recommended)")
      .option(
        '--key <key>',
        "this machine's key for the server; other users can see it in the list of processes",
      )
      .option('--ca-file <file>', "file with the certificate authority of the server's certificate (PEM)")
      .option('--allow-insecure', 'allow a remote server without TLS')
      .option(
        '--server-user <user>',
        "user who may run a server on this machine, in addition to root and the daemon's user (default: the user who ran the server at the first connection)",
      )
      .option(
        '--log-format <format>',
        'format of the log on standard error: text, json, or none (default: text); the daemon also writes the log to the state folder, always as JSON',
      ),
  )

/** Adds the flags that do not choose a server. */
export const withSharedDaemonFlags = (command: Command): Command =>
  command
    .option(
      '--config <file>',
      'configuration file (TOML; default: FOMULAR_CONFIG, else ~/.fomular/config.toml)',
    )
    .option('--state-dir <dir>', 'state folder (default: FOMULAR_STATE_DIR, else ~/.fomular/state)')
    .option(
      '--strict-modes <true|false>',
      'refuse files and folders that other users can write to (default: true)',
    )
    .option(
      '--policy <file>',
      'policy of this machine (TOML; default: FOMULAR_POLICY, or the first of /etc/fomular-daemon/policy.toml and ~/.fomular/policy.toml that exists)',
    )
    .addOption(
      new Option(
        '--label <key=value>',
        'label that the machine reports about itself; repeat it for further labels',
      ).argParser(joinLabels),
    )
    .option(
      '--log-level <level>',
      'level of the log: trace, debug, info, warn, error, fatal, or silent (default: info)',
    )
    .option(
      '--metrics-port <port>',
      'port on 127.0.0.1 at which programs of this machine can read metrics (default: none)',
    )
    .option('--max-agents <count>', 'maximum number of agents at the same time (default: 200)')
    .option(
      '--stop-grace-s <seconds>',
      'maximum time for each step of a graceful stop, in seconds (default: 5)',
    )
    .option(
      '--stop-within-s <seconds>',
      'maximum time for all steps of a stop, in seconds; the daemon shortens later steps if necessary (default: 10 in the main process of a container)',
    )
    .option(
      '--resume-turns',
      'if a restart of the daemon stops agents, continue their interrupted turns afterwards (default: agents wait for a prompt)',
    )
    .option(
      '--journal-cap-mb <MiB>',
      "MiB of delivered activity to keep per agent on this machine's disk (default: 256)",
    )
    .option('--retain-ended-days <days>', 'days to keep an ended agent on this machine (default: 7)')
