import { Command } from 'commander'
import { connectHub, type HubOptions, withHub } from '../options.ts'
import { cleanLine } from '../render/clean.ts'
import { print, printJson } from '../terminal.ts'

const HELP = `
The hub then refuses to order this version, and rollouts of this version halt. Orders that wait for their machines
fail. Machines that already run it keep
it: \`fomular-daemon machine rollout show\` names these machines. A machine's own automatic updates, and orders for
a dist-tag such as latest, are not blocked, because the machine chooses the version.

Example:
  $ fomular-daemon machine block 1.4.2 --reason "Loses its settings"`

export function blockCommand(): Command {
  return withHub(
    new Command('block')
      .description('let no machine be updated to a version')
      .argument('<version>', 'exact version')
      .option('--reason <text>', 'reason, shown to people who order this version')
      .addHelpText('after', HELP)
      .action(async (version: string, { reason, json, ...flags }: HubOptions & { reason?: string }) => {
        const blocked = await (await connectHub(flags)).rollouts.block(version, reason)
        if (json) return printJson({ blocked })
        print(`Version ${cleanLine(version, 64)} is blocked.`)
      }),
  )
}

export function unblockCommand(): Command {
  return withHub(
    new Command('unblock')
      .description('let machines be updated to a blocked version again')
      .argument('<version>', 'exact version')
      .addHelpText('after', '\nExample:\n  $ fomular-daemon machine unblock 1.4.2')
      .action(async (version: string, { json, ...flags }: HubOptions) => {
        await (await connectHub(flags)).rollouts.unblock(version)
        if (json) return printJson({ version })
        print(`Version ${cleanLine(version, 64)} is no longer blocked.`)
      }),
  )
}

export function blockedCommand(): Command {
  return withHub(
    new Command('blocked')
      .description('list the blocked versions')
      .addHelpText('after', '\nExample:\n  $ fomular-daemon machine blocked')
      .action(async ({ json, ...flags }: HubOptions) => {
        const versions = await (await connectHub(flags)).rollouts.blocked()
        if (json) return printJson({ versions })
        if (versions.length === 0) return print('No version is blocked.')
        for (const { version, by, reason } of versions)
          print(
            [
              cleanLine(version, 64),
              ...(by === undefined ? [] : [`by ${cleanLine(by, 64)}`]),
              ...(reason === undefined ? [] : [cleanLine(reason, 300)]),
            ].join('  '),
          )
      }),
  )
}
