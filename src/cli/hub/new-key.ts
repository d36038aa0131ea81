import { Command, Option } from 'commander'
import { UserError } from '../../platform/errors.ts'
import { shellWord } from '../../platform/shell-word.ts'
import type { NewKey } from '../../protocol/index.ts'
import { EXIT } from '../exit-codes.ts'
import { connectHub, type HubOptions, withHub } from '../options.ts'
import { clean, cleanLine } from '../render/clean.ts'
import { print, printJson, stdoutColors } from '../terminal.ts'

export const KEY = 'its id, the beginning of that, or its name'

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
      'write the key into this new file, which only you can read, not to the screen',
    ),
  )

export const createKeyCommand = (): Command =>
  withOut(
    new Command('create')
      .description('make a key, which is shown once')
      .argument('<name>', 'what it is called in lists and in the audit log, such as the name of its owner')
      .addOption(
        new Option(
          '--role <role>',
          'what it allows: reading; agents; machines, keys and updates; or being a machine',
        )
          .choices(['viewer', 'operator', 'admin', 'machine'])
          .default('viewer'),
      )
      .option(
        '--machine <machine>',
        'with --role machine, the machine it is for (default: the first that connects with it)',
      )
      .addHelpText(
        'after',
        `
A machine usually makes its key itself, with the line of \`machine add\`. A key that is made here is for machines that
get theirs with their configuration, in a file that --key-file names.

Examples:
  $ fomular-daemon hub key create alice --role operator
  $ fomular-daemon hub key create dashboard --out dashboard.key`,
      )
      .action(create),
  )

export const rotateKeyCommand = (): Command =>
  withOut(
    new Command('rotate')
      .description('put another key in the place of one, with its name and role')
      .argument('<key>', KEY)
      .addHelpText(
        'after',
        `
The key before is no longer accepted. That of a machine is, until the machine has connected with the new one.

Examples:
  $ fomular-daemon hub key rotate alice
  $ fomular-daemon hub key rotate build-7 --out build-7.key`,
      )
      .action(rotate),
  )

async function create(name: string, { json, out, role, machine, ...flags }: CreateOptions) {
  if (machine !== undefined && role !== 'machine')
    throw new UserError('usage', '--machine goes with --role machine only.', { exitCode: EXIT.usage })
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

/** A key is shorter. */
const KEY_CHARS = 200

/** Shows a new key, or writes it to a file. The file, with its room, is made first: a key that can be put nowhere is not. */
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
    print(`${named}, shown this once:\n\n  ${stdoutColors().bold(cleanLine(key, KEY_CHARS))}\n`)
  else print(`${named} is in ${clean(out)}.`)
  if (role !== 'machine') {
    if (key !== undefined)
      print(
        `Use it with --hub-key-file ${out === undefined ? 'FILE' : clean(shellWord(out))}, or FOMULAR_HUB_KEY_FILE.`,
      )
  } else if (local) print("The daemon on the hub's machine reads it when it is started again.")
  else
    print(
      `Put it into the file that --key-file names on ${machines.length > 0 ? 'the machine' : 'a machine'}, and start the daemon there again.`,
    )
}
