import { Command } from 'commander'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../exit-codes.ts'
import { connectHub, type HubOptions, withHub } from '../options.ts'
import { note, print, printJson, stdoutColors } from '../terminal.ts'

const HELP = `
The token in the line is good once, and for so long as --expires says. The machine gets a key of its own for it:
\`fomular-daemon machine remove\` takes that back.

Examples:
  $ fomular-daemon machine add
  $ fomular-daemon machine add --name build-7 --expires 1d --address https://hub.example.com`

interface AddOptions extends HubOptions {
  name?: string
  expires: number
  address?: string
}

export function addCommand(): Command {
  return withHub(
    new Command('add')
      .description('a line to paste on another machine, which installs the daemon there and connects it')
      .option('--name <name>', 'what its key is known by (default: its host name)')
      .option('--expires <time>', 'how long the line is good: 30m, 2h, 1d', seconds, 3600)
      .option('--address <url>', 'the hub as that machine reaches it (default: as it is reached from here)')
      .addHelpText('after', HELP)
      .action(add),
  )
}

async function add({ json, name, expires, address, ...flags }: AddOptions) {
  const client = await connectHub(flags)
  const { addressFor, linesFor } = await import('./lines.ts')
  const url = addressFor(address, client.url)
  const enrolment = await client.openEnrolment({ expires_in_s: expires, ...(name !== undefined && { name }) })
  const lines = linesFor({ url, token: enrolment.token, installer: await client.hasInstaller() })
  if (json) return printJson({ ...enrolment, server_url: url, ...lines })
  const { bold, dim } = stdoutColors()
  print(`Paste this on the machine, before ${new Date(enrolment.expires_at).toLocaleString()}:\n`)
  print(`  ${bold(lines.install)}\n`)
  if (lines.install !== lines.enroll)
    print(`Or, where fomular-daemon is installed already:\n\n  ${lines.enroll}\n`)
  print(dim('It is good for one machine, and lets that one in: give it to nobody else.'))
  for (const warning of lines.warnings) note(`! ${warning}`)
}

function seconds(text: string): number {
  const [, count, unit = 's'] = /^(\d+)([smhd])?$/.exec(text) ?? []
  const value = Number(count) * { s: 1, m: 60, h: 3600, d: 86_400 }[unit as 's' | 'm' | 'h' | 'd']
  if (value >= 60 && value <= 604_800) return value
  throw new UserError('usage', `--expires is "${text}", but must be from 1m to 7d.`, { exitCode: EXIT.usage })
}
