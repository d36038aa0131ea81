import { Command } from 'commander'
import type { Enrolled } from './enroll/enroll.ts'
import { cleanLine } from './render/clean.ts'
import { note, print, printJson } from './terminal.ts'

const HELP = `
The token comes from FOMULAR_ENROLL_TOKEN, --token-file or standard input; \`fomular-daemon machine add\` makes one
where the hub is. This machine makes itself a key, which only its hash leaves, and the configuration file is
told where server and key are: from then on \`fomular-daemon\` needs no flags. A machine that is enrolled already stays as
it is, unless --force says otherwise.

Examples:
  $ FOMULAR_ENROLL_TOKEN=fet_… fomular-daemon enroll --server-url https://hub.example.com
  $ fomular-daemon enroll --server-url https://hub.example.com --token-stdin < token`

export interface EnrollOptions {
  serverUrl: string
  tokenFile?: string
  tokenStdin?: boolean
  keyFile?: string
  withKey?: string
  config?: string
  caFile?: string
  allowInsecure?: boolean
  force?: boolean
  json?: boolean
}

export function enrollCommand(): Command {
  return new Command('enroll')
    .description('connect this machine to a hub, by a token that is good once')
    .requiredOption('--server-url <url>', 'the hub')
    .option('--token-file <file>', 'file with the token')
    .option('--token-stdin', 'read the token from standard input')
    .option('--with-key <file>', 'no token: this machine has a key already, and this is the file with it')
    .option('--key-file <file>', 'where to keep the key (default: key beside the configuration file)')
    .option(
      '--config <file>',
      'configuration file to write (default: FOMULAR_CONFIG, else ~/.fomular/config.toml)',
    )
    .option('--ca-file <file>', "certificate authority of the hub's certificate, PEM")
    .option('--allow-insecure', 'allow a hub beyond this machine without TLS')
    .option('--force', 'although it is enrolled already, here or at another hub: with a new key')
    .option('--json', 'print one JSON object')
    .addHelpText('after', HELP)
    .action(async (options: EnrollOptions) => {
      const { enroll } = await import('./enroll/enroll.ts')
      const done = await enroll(options)
      if (options.json) return printJson(done)
      print(outcome(done))
      print(`Key:            ${done.key_file}`)
      print(`Configuration:  ${done.config}`)
      if (done.unbound !== undefined)
        note(
          `! The hub knows this machine by another key. To let it in with this one, run where the hub is: fomular-daemon hub key bind ${done.key_id} ${done.unbound}`,
        )
      if (done.already) return print('To enroll it anew, with a new key, add --force.')
      print('Start it with `fomular-daemon`; one that runs already, anew with `fomular-daemon restart`.')
    })
}

function outcome({ server_url, name, already }: Enrolled): string {
  const hub = server_url.replace(/^ws/, 'http')
  const as = name === undefined ? '' : ` as ${cleanLine(name, 64)}`
  // With a key of its own nobody was asked.
  if (name === undefined && !already) return `This machine will connect to ${hub}.`
  return already
    ? `This machine is enrolled at ${hub} already${as && `,${as}`}.`
    : `This machine is enrolled at ${hub}${as}.`
}
