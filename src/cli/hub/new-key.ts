import { Command, Option } from 'commander'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import { shellWord } from '../../platform/shell-word.ts'
import type { NewKey } from '../../protocol/index.ts'
import { connectHub, type HubOptions, withHub } from '../options.ts'
import { clean, cleanLine } from '../render/clean.ts'
import { print, printJson, stdoutColors } from '../terminal.ts'

export const KEY = 'name, id, or prefix of an id'

interface NewKeyOptions extends HubOptions {
  out?: string
}

interface CreateOptions extends NewKeyOptions {
  role: 'viewer' | 'operator' | 'admin' | 'machine'
}

const withOut = (command: Command): Command =>
  withHub(
    command.option(
      '--out <file>',
      'write the key to this new file, which only you can read, instead of showing the key',
    ),
  )

export const createKeyCommand = (): Command =>
  withOut(
    new Command('create')
      .description('create a key, which is shown once')
      .argument('<name>', 'name of the key in lists and in the audit log, for example the name of its owner')
      .addOption(
        new Option(
          '--role <role>',
          'viewers read, operators also control agents, admins also manage machines, keys, and updates; machine is for a daemon',
        )
          .choices(['viewer', 'operator', 'admin', 'machine'])
          .default('viewer'),
      )
      .option(
        '--machine <machine>',
        'with --role machine: machine that the key is for (default: the first machine that uses the key)',
      )
      .addHelpText(
        'after',
        `
A machine usually generates its own key with the command from \`machine add\`. Use this command if you deploy
a machine's key together with its configuration. On the machine, set --key-file to the file with the key.

Examples:
  $ fomular-daemon hub key create alice --role operator
  $ fomular-daemon hub key create dashboard --out dashboard.key`,
      )
      .action(create),
  )

export const rotateKeyCommand = (): Command =>
  withOut(
    new Command('rotate')
      .description('replace a key with a new key of the same name and role')
      .argument('<key>', KEY)
      .addHelpText(
        'after',
        `
The old key is no longer accepted. Exception: a machine's old key is accepted until the machine has connected
with the new key.

Examples:
  $ fomular-daemon hub key rotate alice
  $ fomular-daemon hub key rotate build-7 --out build-7.key`,
      )
      .action(rotate),
  )

async function create(name: string, { json, out, role, machine, ...flags }: CreateOptions) {
  if (machine !== undefined && role !== 'machine')
    throw new UserError('usage', '--machine requires --role machine.', { exitCode: EXIT.usage })
  const client = await connectHub(flags)
  const { machineIdOf } = await import('../client/machine-id.ts')
  const machine_id = machine === undefined ? undefined : machineIdOf(await client.machines(), machine)
  await deliver(out, json, () =>
    client.createKey({ name, role, ...(machine_id !== undefined && { machine_id }) }),
  )
}

async function rotate(given: string, { json, out, ...flags }: NewKeyOptions) {
  const client = await connectHub(flags)
  const { pickKey } = await import('../client/key-id.ts')
  const { key_id } = pickKey(await client.keys(), given)
  await deliver(out, json, () => client.rotateKey(key_id))
}

/** Upper bound for the length of a key. */
const KEY_CHARS = 200

/** Shows a new key, or writes it to a file. Creates the file first: if this fails, no key is created. */
async function deliver(out: string | undefined, json: boolean | undefined, make: () => Promise<NewKey>) {
  const { fillNewFile } = await import('./new-file.ts')
  const made =
    out === undefined
      ? await make()
      : await fillNewFile(out, KEY_CHARS, async () => {
          const made = await make()
          return { value: made, text: made.key === undefined ? undefined : `${made.key}\n` }
        })
  const { key, ...rest } = made
  if (json) return printJson(out === undefined ? made : { ...rest, ...(key !== undefined && { file: out }) })
  const { local, role, machines } = made
  const named = `The key ${cleanLine(made.name, 64)} (${cleanLine(made.key_id, 12)}, ${cleanLine(role, 16)})`
  if (key === undefined)
    print(
      `${named} is in ${local ? `${role === 'machine' ? 'machine' : 'user'}.key in the hub's folder` : 'its place'}.`,
    )
  else if (out === undefined)
    print(`${named} is shown only this once:\n\n  ${stdoutColors().bold(cleanLine(key, KEY_CHARS))}\n`)
  else print(`${named} is in ${clean(out)}.`)
  if (role !== 'machine') {
    if (key !== undefined)
      print(
        `Use this key with --hub-key-file ${out === undefined ? 'FILE' : clean(shellWord(out))}, or FOMULAR_HUB_KEY_FILE.`,
      )
  } else if (local) print("Restart the daemon on the hub's machine to use the new key.")
  else
    print(
      `Put this key into the file that --key-file names on ${machines.length > 0 ? 'the machine' : 'a machine'}, and restart the daemon there.`,
    )
}
