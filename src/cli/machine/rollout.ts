import { Command } from 'commander'
import type { RolloutOrder } from '../../client/hub-rollouts.ts'
import { connectHub, type HubOptions, withHub } from '../options.ts'
import { print, printJson, stdoutColors, stdoutWidth } from '../terminal.ts'

/** Minimum length of an abbreviated id, in characters. */
const LEAST = 4

const HELP = `
A rollout updates groups of machines, one group after the other. The hub never updates more machines at once than
--max-unavailable permits, watches each group for the time in --soak, and halts when machines fail, stay offline,
or have new errors, or when clearly more turns of agents fail than without the update. The next group waits until
the windows of all connected machines have opened, and until at least one machine of the group is updated. A
machine that was away gets the version when it reconnects.

Examples:
  $ fomular-daemon machine update --group canary --group office --to 1.4.2
  $ fomular-daemon machine rollout list
  $ fomular-daemon machine rollout show 5d0c41e2
  $ fomular-daemon machine rollout roll-back 5d0c41e2`

const ORDERS: [name: RolloutOrder, description: string][] = [
  ['pause', 'order no further updates; updates that have begun continue'],
  ['resume', 'continue a rollout that was paused or has halted; failures so far no longer count'],
  ['roll-back', 'return all machines of a rollout to their previous versions'],
  ['cancel', 'end a rollout; machines keep the version that they have'],
]

export function rolloutCommand(): Command {
  const command = new Command('rollout')
    .description('follow and control the staged updates of groups of machines')
    .addHelpText('after', HELP)
  command.addCommand(
    withHub(
      new Command('list')
        .alias('ls')
        .description('list the rollouts, newest first')
        .addHelpText('after', '\nExample:\n  $ fomular-daemon machine rollout list')
        .action(list),
    ),
  )
  command.addCommand(
    withHub(
      new Command('show')
        .description('show a rollout and its machines')
        .argument('[rollout]', 'id, or prefix of an id (default: the newest rollout)')
        .option('--watch', 'show its progress until it is done or halts')
        .addHelpText('after', '\nExample:\n  $ fomular-daemon machine rollout show --watch')
        .action(show),
    ),
  )
  for (const [name, description] of ORDERS)
    command.addCommand(
      withHub(
        new Command(name)
          .description(description)
          .argument('[rollout]', 'id, or prefix of an id (default: the newest rollout)')
          .addHelpText('after', `\nExample:\n  $ fomular-daemon machine rollout ${name} 5d0c41e2`)
          .action((given: string | undefined, options: HubOptions) => order(given, name, options)),
      ),
    )
  return command
}

async function list({ json, ...flags }: HubOptions) {
  const rollouts = await (await connectHub(flags)).rollouts.list()
  if (json) return printJson({ rollouts })
  if (rollouts.length === 0)
    return print('There are no rollouts. `fomular-daemon machine update --group` starts one.')
  const { rolloutTable } = await import('../render/rollout.ts')
  print(rolloutTable(rollouts, stdoutColors(), stdoutWidth()))
}

async function show(given: string | undefined, { watch, json, ...flags }: HubOptions & { watch?: boolean }) {
  const { client, id } = await find(given, flags)
  if (watch && !json) return (await import('./watch-rollout.ts')).watchRollout(client, id)
  await printRollout(client, await client.rollouts.get(id), json)
}

async function order(given: string | undefined, wanted: RolloutOrder, { json, ...flags }: HubOptions) {
  const { client, id } = await find(given, flags)
  await printRollout(client, await client.rollouts.order(id, wanted), json)
}

type Client = Awaited<ReturnType<typeof connectHub>>

async function find(given: string | undefined, flags: HubOptions) {
  const client = await connectHub(flags)
  const ids = (await client.rollouts.list()).map(({ rollout_id }) => rollout_id)
  const { resolveId } = await import('../client/resolve-id.ts')
  const wanted = given ?? ids[0] ?? ''
  return {
    client,
    id: resolveId(wanted, ids, { what: 'rollout', list: 'machine rollout list', least: LEAST }),
  }
}

async function printRollout(
  client: Client,
  rollout: Awaited<ReturnType<Client['rollouts']['get']>>,
  json: boolean | undefined,
) {
  if (json) return printJson({ rollout })
  const { rolloutText } = await import('../render/rollout.ts')
  print(rolloutText(rollout, await client.machines(), stdoutColors(), stdoutWidth()))
}
