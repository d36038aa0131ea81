import { Command } from 'commander'
import { connectHub, type HubOptions, withHub } from '../options.ts'
import { cleanLine } from '../render/clean.ts'
import { print, printJson, stdoutColors, stdoutWidth } from '../terminal.ts'
import { createKeyCommand, KEY, rotateKeyCommand } from './new-key.ts'

const HELP = `
People and programs have keys with a role: a viewer reads, an operator gives orders to agents as well, an admin also
manages machines, keys and updates. The hub's own user key, in user.key in its folder, is an admin's.

Each machine has a key of its own, and a key lets in one machine: the one that enrolled for it, else the first to use it.
Keys from before that several machines share stay open to these until \`hub key bind\` says whose each is.

Examples:
  $ fomular-daemon hub key list
  $ fomular-daemon hub key create alice --role operator
  $ fomular-daemon hub key rotate alice --out alice.key
  $ fomular-daemon hub key bind 4f1b7a90c2de build-7     a machine that has a new key, or has lost its state folder
  $ fomular-daemon hub key revoke 4f1b7a90c2de`

export function keyCommand(): Command {
  const command = new Command('key')
    .description('the keys that the hub accepts, and whose they are')
    .addHelpText('after', HELP)
  command.addCommand(
    withHub(
      new Command('list')
        .alias('ls')
        .description('all keys, their roles, and the machines that connect with them')
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
          'say which machine a key is for: it lets in no other, and other keys of that machine end',
        )
        .argument('<key>', KEY)
        .argument('<machine>', 'its name, host name, id, or the beginning of its id; or the id of a new one')
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
        .description('accept a key no longer, and end what goes on with it')
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
    `The key ${cleanLine(key.name, 64)} (${cleanLine(key.key_id, 12)}) is that of the machine ${cleanLine(machine_id, 128)}, and lets in no other.`,
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
