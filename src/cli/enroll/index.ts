import { Command, Option } from 'commander'
import { cleanLine } from '../render/clean.ts'
import { joinLabels } from '../start/join-labels.ts'
import { note, print, printJson } from '../terminal.ts'
import type { Enrolled, EnrollOptions } from './enroll.ts'

const HELP = `
Create a token on the hub's machine with \`fomular-daemon machine add\`. Pass it in FOMULAR_ENROLL_TOKEN, with
--token-file, or with --token-stdin. This machine generates its own key, and sends only the hash of the key to
the hub. The command writes the server and the key file to the configuration file, so \`fomular-daemon\` then
needs no flags. It does not change a machine that is already enrolled, unless you add --force.

Examples:
  $ FOMULAR_ENROLL_TOKEN=fet_… fomular-daemon enroll --server-url https://hub.example.com
  $ fomular-daemon enroll --server-url https://hub.example.com --token-stdin < token`

export function enrollCommand(): Command {
  return new Command('enroll')
    .description('connect this machine to a hub with a one-time token')
    .requiredOption('--server-url <url>', 'hub to connect to')
    .option('--token-file <file>', 'file with the token')
    .option('--token-stdin', 'read the token from standard input')
    .option('--with-key <file>', 'use the existing key in this file instead of a token')
    .option('--key-file <file>', 'file to write the key to (default: key, next to the configuration file)')
    .option(
      '--config <file>',
      'configuration file to write (default: FOMULAR_CONFIG, else ~/.fomular/config.toml)',
    )
    .option('--ca-file <file>', "file with the certificate authority of the hub's certificate (PEM)")
    .option('--allow-insecure', 'allow a remote hub without TLS')
    .addOption(
      new Option(
        '--label <key=value>',
        'label that this machine reports about itself; repeat it for further labels',
      ).argParser(joinLabels),
    )
    .option(
      '--force',
      'enroll with a new key, even if this machine is already enrolled at this hub or at another hub',
    )
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP)
    .action(async (options: EnrollOptions & { json?: boolean }) => {
      const { enroll } = await import('./enroll.ts')
      const done = await enroll(options)
      if (options.json) return printJson(done)
      print(outcome(done))
      print(`Key:            ${done.key_file}`)
      print(`Configuration:  ${done.config}`)
      if (done.unbound !== undefined)
        note(
          `! The hub knows this machine by another key. To admit this machine with the new key, run on the hub's machine: fomular-daemon hub key bind ${done.key_id} ${done.unbound}`,
        )
      if (done.already) return print('To enroll this machine again with a new key, add --force.')
      print('Start the daemon with `fomular-daemon`. If it is already running, run `fomular-daemon restart`.')
    })
}

function outcome({ server_url, name, already }: Enrolled): string {
  const hub = server_url.replace(/^ws/, 'http')
  const as = name === undefined ? '' : ` as ${cleanLine(name, 64)}`
  // With --with-key, the hub was not contacted.
  if (name === undefined && !already) return `This machine will connect to ${hub}.`
  return already
    ? `This machine is already enrolled at ${hub}${as}.`
    : `This machine is enrolled at ${hub}${as}.`
}
