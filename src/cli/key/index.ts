import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Command } from 'commander'
import { homeOf } from '../../config/home.ts'
import { shellWord } from '../../platform/shell-word.ts'
import { publicKeyText } from '../../policy/public-key.ts'
import { readSignKey } from '../client/sign-key.ts'
import { JSON_OUTPUT } from '../options.ts'
import { clean } from '../render/clean.ts'
import { print, printJson } from '../terminal.ts'

/** Upper bound for the length of a private key's file. */
const PEM_CHARS = 200

const HELP = `
If the policy of a machine names your public key in signed_by, the machine carries out only commands that you
sign. Even an attacker who controls the server can then only stop agents. The private key stays on your
computer.

Examples:
  $ fomular-daemon key new
  $ fomular-daemon key show
  $ fomular-daemon agent send a-1f2e "Now the docs" --sign-key ~/.fomular/sign.key`

export function keyCommand(): Command {
  const command = new Command('key')
    .description('make the key with which you sign commands')
    .addHelpText('after', HELP)
  command
    .command('new')
    .description('make a key, and print its public part for signed_by in a policy')
    .option('--output <file>', 'new file for the private key (default: ~/.fomular/sign.key)')
    .option('--json', JSON_OUTPUT.object)
    .addHelpText('after', '\nExample:\n  $ fomular-daemon key new --output alice.key')
    .action(create)
  command
    .command('show')
    .description('print the public part of a key')
    .argument('[file]', 'file with the private key (default: FOMULAR_SIGN_KEY, else ~/.fomular/sign.key)')
    .option('--json', JSON_OUTPUT.object)
    .addHelpText('after', '\nExample:\n  $ fomular-daemon key show alice.key')
    .action(show)
  return command
}

const usualFile = () => join(homeOf(process.env), '.fomular/sign.key')

async function create({ output, json }: { output?: string; json?: boolean }) {
  const { fillNewFile } = await import('../hub/new-file.ts')
  const file = output ?? usualFile()
  if (output === undefined) mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const key = await fillNewFile(file, PEM_CHARS, async () => {
    const { privateKey } = generateKeyPairSync('ed25519')
    const text = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    return { value: publicKeyText(privateKey), text }
  })
  if (json) return printJson({ key, file })
  print(`The private key is in ${clean(file)}. For a machine's policy, the public key is:

  signed_by = ["${key}"]

Sign commands with --sign-key ${clean(shellWord(file))}, or FOMULAR_SIGN_KEY.`)
}

async function show(given: string | undefined, { json }: { json?: boolean }) {
  const file = given ?? (process.env.FOMULAR_SIGN_KEY || usualFile())
  const key = publicKeyText(readSignKey(file))
  if (json) return printJson({ key, file })
  print(key)
}
