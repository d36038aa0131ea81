import { Command, Option } from 'commander'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import { shellWord } from '../../platform/shell-word.ts'
import { type HubOptions, locateHub, withHub } from '../options.ts'
import { cleanLine } from '../render/clean.ts'
import { note, print, printJson, stdoutColors } from '../terminal.ts'
import { labelsOf } from './labels.ts'

const USUAL_S = 3600

const HELP = `
The token in the command works once, and expires after the time that --expires sets. The machine generates its
own key; \`fomular-daemon machine remove\` revokes this key. If a private authority signed the hub's
certificate, the command includes that authority's certificate.

Examples:
  $ fomular-daemon machine add
  $ fomular-daemon machine add --name build-7 --expires 1d --address https://hub.example.com`

interface AddOptions extends HubOptions {
  name?: string
  group?: string
  label: string[]
  expires: number
  address?: string
  caFile?: string
}

export function addCommand(): Command {
  return withHub(
    new Command('add')
      .description('print a command that installs the daemon on another machine and connects it to the hub')
      .option('--name <name>', 'name of the machine (default: its host name)')
      .option('--group <name>', 'group of the machine')
      .addOption(
        new Option('--label <key=value>', 'label of the machine; repeat it for further labels')
          .argParser((text: string, before: string[]) => [...before, text])
          .default([], 'none'),
      )
      .addOption(
        new Option(
          '--expires <time>',
          'time for which the printed command is valid, from 1m to 7d: a number of seconds (s), minutes (m), hours (h) or days (d)',
        )
          .argParser(seconds)
          .default(USUAL_S, '1h'),
      )
      .option(
        '--address <url>',
        'address at which that machine reaches the hub (default: the address of --hub; if the hub is on this machine: a name in its certificate, else an address of this machine)',
      )
      .option(
        '--ca-file <file>',
        'file with the certificate authority of the hub at that address (PEM; default: the command connects to the address and detects a private authority)',
      )
      .addHelpText('after', HELP)
      .action(add),
  )
}

async function add({ json, name, group, label, expires, address, caFile, ...flags }: AddOptions) {
  const labels = labelsOf(label)
  const { address: hub, client } = await locateHub(flags)
  const [
    { addressFor, linesFor },
    { authorityOf, readAuthority },
    { describedMachine, machineName },
    { ownAddress },
  ] = await Promise.all([
    import('./lines.ts'),
    import('./authority.ts'),
    import('../client/machine-id.ts'),
    import('./own-address.ts'),
  ])
  const { listens } = hub
  const own = address === undefined && listens ? await ownAddress(hub.url, listens) : { url: hub.url }
  const url = addressFor(address, own.url)
  const given = caFile === undefined ? undefined : readAuthority(caFile)
  const machines = name === undefined ? [] : await client.machines()
  const enrolment = await client.openEnrolment({
    expires_in_s: expires,
    ...(name !== undefined && { name }),
    ...(group !== undefined && { group }),
    ...(label.length > 0 && { labels }),
  })
  const { pem, problem } =
    given === undefined ? await authorityOf(url, listens?.fingerprint256) : { pem: given, problem: undefined }
  const { warnings, ...lines } = linesFor({
    url,
    token: enrolment.token,
    installer: await client.installer(),
    authority: pem,
  })
  if (own.notice !== undefined) warnings.unshift(own.notice)
  if (problem !== undefined)
    warnings.push(
      `${url} could not be checked from here: ${problem}. If the hub there uses a private certificate authority, add --ca-file.`,
    )
  for (const machine of machines)
    if (machineName(machine) === name?.normalize())
      warnings.push(
        `${describedMachine(machine)} already has that name. If the new machine replaces the old machine, remove the old machine: fomular-daemon machine remove ${shellWord(cleanLine(machine.machine_id, 64))}`,
      )
  if (json) return printJson({ ...enrolment, server_url: url, ...lines, warnings })
  const { bold, dim } = stdoutColors()
  print(`Paste this on the machine before ${new Date(enrolment.expires_at).toLocaleString()}:\n`)
  print(`  ${bold(lines.install)}\n`)
  if (lines.install_wget !== undefined) {
    print(`With wget instead of curl:\n\n  ${lines.install_wget}\n`)
    print(`Or, if fomular-daemon is already installed:\n\n  ${lines.enroll}\n`)
    print('This installs for the current user. To install for the whole machine, put sudo before sh.')
  }
  print(dim('The line admits one machine. Do not share it.'))
  for (const warning of warnings) note(`! ${warning}`)
}

function seconds(text: string): number {
  const [, count, unit = 's'] = /^(\d+)([smhd])?$/.exec(text) ?? []
  const value = Number(count) * { s: 1, m: 60, h: 3600, d: 86_400 }[unit as 's' | 'm' | 'h' | 'd']
  if (value >= 60 && value <= 604_800) return value
  throw new UserError('usage', `--expires is "${text}", which is not between 1m and 7d.`, {
    remedy: 'Give a number with s (seconds), m (minutes), h (hours) or d (days), such as 90m.',
    exitCode: EXIT.usage,
  })
}
