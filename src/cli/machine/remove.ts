import { Command } from 'commander'
import type { HubClient } from '../../client/hub-client.ts'
import { UserError } from '../../platform/errors.ts'
import type { HubKey } from '../../protocol/index.ts'
import { connectHub, type HubOptions, withHub } from '../options.ts'
import { cleanLine } from '../render/clean.ts'
import { print, printJson } from '../terminal.ts'

const HELP = `
The command deletes the histories of the machine's agents at the hub, and revokes the machine's key. It
deletes nothing on the machine. To remove a machine that was enrolled but never connected, give its name or
the id of its key.

Examples:
  $ fomular-daemon machine remove build-7
  $ fomular-daemon machine remove build-7 --force       even while it is connected, to lock it out`

export function removeCommand(): Command {
  return withHub(
    new Command('remove')
      .alias('rm')
      .description('remove a machine, and revoke its key')
      .argument('<machine>', 'name, host name, id, or prefix of an id')
      .option('--force', 'remove the machine even if it is connected')
      .addHelpText('after', HELP)
      .action(remove),
  )
}

async function remove(given: string, { json, force = false, ...flags }: HubOptions & { force?: boolean }) {
  const client = await connectHub(flags)
  const { describedMachine, resolveMachine } = await import('../client/machine-id.ts')
  const machine = await resolveMachine(client, given).catch((error) => removeEnrolled(client, given, error))
  if ('key_id' in machine) {
    if (json) return printJson({ key_id: machine.key_id, revoked_keys: 1 })
    return print(`${cleanLine(machine.name, 64)} had never connected: its key is no longer accepted.`)
  }
  const { machine_id } = machine
  const { revoked_keys, shared_keys } = await client.removeMachine(machine_id, { force })
  if (json) return printJson({ machine_id, revoked_keys, ...(shared_keys !== undefined && { shared_keys }) })
  print(
    revoked_keys > 0
      ? `${describedMachine(machine)} is removed, and its key is no longer accepted.`
      : shared_keys === undefined
        ? `${describedMachine(machine)} is removed. The machine used the hub's machine.key, and can use that key to connect again.`
        : shared_keys > 0
          ? `${describedMachine(machine)} is removed. Other machines still use its key. The key no longer admits the removed machine.`
          : `${describedMachine(machine)} is removed. The hub knew no key of this machine.`,
  )
}

/** Revokes the key of a machine that has never connected. @throws the given error if no such key matches */
async function removeEnrolled(client: HubClient, given: string, error: unknown): Promise<HubKey> {
  if (!(error instanceof UserError) || error.code !== 'machine_not_found') throw error
  const { enrolled } = await client.machinesAndEnrolled()
  if (enrolled.length === 0) throw error
  const { pickKey } = await import('../client/key-id.ts')
  const machines = enrolled.filter(({ machines: [id] }) => id === given)
  const key = machines[0] ?? pickKey(enrolled, given)
  await client.revokeKey(key.key_id)
  return key
}
