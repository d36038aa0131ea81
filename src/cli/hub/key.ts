import { Command } from 'commander'
import { connectHub, type HubOptions, withHub } from '../options.ts'
import { cleanLine } from '../render/clean.ts'
import { print, printJson, stdoutColors, stdoutWidth } from '../terminal.ts'
import { createKeyCommand, KEY, rotateKeyCommand } from './new-key.ts'

const HELP = `
Keys of people and programs have a role: a viewer reads, an operator also controls agents, an admin also
manages machines, keys and updates. The hub's own user key, in user.key in its folder, is an admin key.

Each machine has its own key. A key admits one machine: the machine that enrolled with it, or else the first
machine that uses it. If several machines share an older key, it admits all of these machines, until \`hub key
bind\` assigns the key to one of them.

Examples:
  $ fomular-daemon hub key list
  $ fomular-daemon hub key create alice --role operator
  $ fomular-daemon hub key rotate alice --out alice.key
  $ fomular-daemon hub key bind 4f1b7a90c2de build-7     for a machine with a new key or state folder
  $ fomular-daemon hub key revoke 4f1b7a90c2de`

export function keyCommand(): Command {
  const command = new Command('key')
    .description('manage the keys that the hub accepts')
    .addHelpText('after', HELP)
  command.addCommand(
    withHub(
      new Command('list')
        .alias('ls')
        .description('list all keys, their roles, and the machines that use them')
        .addHelpText('after', '\nExample:\n  $ fomular-daemon hub key list')
        .action(list),
    ),
  )
  command.addCommand(createKeyCommand())
  command.addCommand(rotateKeyCommand())
  command.addCommand(
    withHub(
      new Command('bind')
        .description(
          'assign a key to one machine; the key then admits no other machine, and other keys of that machine are revoked',
        )
        .argument('<key>', KEY)
        .argument(
          '<machine>',
          'name, host name, id, or prefix of the id of a machine; or the complete id of a new machine',
        )
        .addHelpText(
          'after',
          '\nExample:\n  $ fomular-daemon hub key bind 4f1b7a90c2de 7d12e854-3c55-4b0e-9a6f-0d6a1c7f2b11',
        )
        .action(bind),
    ),
  )
  command.addCommand(
    withHub(
      new Command('revoke')
        .description('revoke a key, and close the connections that use it')
        .argument('<key>', KEY)
        .addHelpText('after', '\nExample:\n  $ fomular-daemon hub key revoke build-7')
        .action(revoke),
    ),
  )
  return command
}

async function list({ json, ...flags }: HubOptions) {
  const client = await connectHub(flags)
  const [keys, machines] = await Promise.all([client.keys(), client.machines()])
  if (json) return printJson({ keys })
  const { keyTable } = await import('../render/keys.ts')
  print(keyTable(keys, machines, stdoutColors(), stdoutWidth()))
}

async function bind(given: string, machine: string, { json, ...flags }: HubOptions) {
  const client = await connectHub(flags)
  const [{ pickKey }, { machineIdOf }] = await Promise.all([
    import('../client/key-id.ts'),
    import('../client/machine-id.ts'),
  ])
  const keys = await client.keys()
  const key = pickKey(
    keys.filter(({ role }) => role === 'machine'),
    given,
  )
  const machine_id = machineIdOf(await client.machines(), machine)
  const bound = await client.bindKey(key.key_id, machine_id)
  if (json) return printJson(bound)
  const { revoked_keys } = bound
  print(
    `The key ${cleanLine(key.name, 64)} (${cleanLine(key.key_id, 12)}) now belongs to the machine ${cleanLine(machine_id, 128)} and admits no other machine.`,
  )
  if (revoked_keys > 0)
    print(
      `${revoked_keys === 1 ? 'Another key of that machine is' : `${revoked_keys} other keys of that machine are`} no longer accepted.`,
    )
}

async function revoke(given: string, { json, ...flags }: HubOptions) {
  const client = await connectHub(flags)
  const { pickKey } = await import('../client/key-id.ts')
  const { key_id, name } = pickKey(await client.keys(), given)
  await client.revokeKey(key_id)
  if (json) return printJson({ key_id, revoked_keys: 1 })
  print(`The key ${cleanLine(name, 64)} (${cleanLine(key_id, 12)}) is no longer accepted.`)
}
