import { basename, resolve } from 'node:path'
import { Command } from 'commander'
import { loadDaemonConfig } from '../../config/daemon-config.ts'
import type { DaemonFlags } from '../../config/sources.ts'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import { readText } from '../../service/handwritten-units.ts'
import { type Account, SUPERVISED } from '../../service/plan.ts'
import { queryOrFail } from '../../service/run.ts'
import { isOurs } from '../../service/unit-checks.ts'
import { withDaemonFlags } from '../start/daemon-flags.ts'

export interface Found {
  /** Description for messages. */
  what: string
  argv: string[]
  environment: Record<string, string>
  account: Pick<Account, 'name' | 'uid' | 'home'>
  cwd: string
  stateDirectory?: string | undefined
  /** Path of the key, if systemd provides it. */
  credential?: string | undefined
  given: DaemonFlags
}

/** Reads flags, key, state folder and variables from a command that runs the daemon. @throws UserError */
export async function readCommandOfService(found: Found) {
  const { what, account, cwd, stateDirectory, credential, given } = found
  const { args, assigned } = programOf(what, found.argv)
  const environment = { ...found.environment, ...assigned }
  const { key: givenKey, keyFile, ...flags } = parseFlags(what, args)
  const isGiven = given.key !== undefined || given.keyFile !== undefined
  for (const name of ['caFile', 'config', 'policy', 'stateDir'])
    if (typeof flags[name] === 'string') flags[name] = resolve(cwd, flags[name])
  const {
    FOMULAR_KEY,
    FOMULAR_KEY_FILE,
    FOMULAR_STATE_DIR,
    [SUPERVISED]: _supervised,
    PATH,
    ...rest
  } = environment
  const file = keyFile ?? (givenKey === undefined && FOMULAR_KEY === undefined ? FOMULAR_KEY_FILE : undefined)
  const key =
    typeof givenKey === 'string'
      ? givenKey
      : typeof file === 'string'
        ? isGiven
          ? undefined
          : await readAs(account.name, resolve(cwd, file))
        : (FOMULAR_KEY ?? (credential && readText(credential)?.trim()))
  const env = {
    ...rest,
    HOME: account.home,
    ...(FOMULAR_STATE_DIR && { FOMULAR_STATE_DIR: resolve(cwd, FOMULAR_STATE_DIR) }),
    ...(stateDirectory && { STATE_DIRECTORY: `/var/lib/${stateDirectory}` }),
  }
  // Drop every variable whose value contains the key.
  const kept = Object.entries(rest).filter(([, value]) => !key || !value.includes(key))
  const { key: _key, keyFile: _keyFile, ...further } = given
  const known = key ?? (isGiven ? 'given' : undefined)
  const config = await loadDaemonConfig({
    flags: { ...flags, ...further, ...(known !== undefined && { key: known }) },
    env,
    user: account.uid,
  })
  return { flags, key, stateDir: config.state_dir, path: PATH, environment: Object.fromEntries(kept) }
}

/**
 * Returns the arguments that a command passes to this program. If the command also starts other programs,
 * refuses the command: the new service would not start these programs.
 * @throws UserError
 */
function programOf(what: string, argv: string[]): { args: string[]; assigned: Record<string, string> } {
  const assigned: Record<string, string> = {}
  let at = 0
  if (basename(argv[0] ?? '') === 'env')
    for (at = 1; /^[A-Za-z_]\w*=/.test(argv[at] ?? ''); at++) {
      const [name = '', ...value] = (argv[at] ?? '').split('=')
      assigned[name] = value.join('=')
    }
  if (/^node(js)?$/.test(basename(argv[at] ?? ''))) at++
  const program = argv[at] ?? ''
  if (isOurs(program) && !/\s/.test(program)) return { args: argv.slice(at + 1), assigned }
  throw notUnderstood(what, `it is started through ${basename(argv[0] ?? '') || 'another program'}`)
}

function parseFlags(what: string, args: string[]): Record<string, string | boolean | undefined> {
  const command = withDaemonFlags(new Command('run'))
  command.exitOverride().configureOutput({ writeErr: () => {}, outputError: () => {} })
  try {
    command.parse(args[0] === 'run' ? args.slice(1) : args, { from: 'user' })
  } catch (error) {
    throw notUnderstood(what, (error as Error).message.replace(/^error: /, ''))
  }
  return command.opts()
}

export const notUnderstood = (what: string, why: string) =>
  new UserError('not_understood', `${what} runs this program in a way that cannot be taken over: ${why}.`, {
    remedy: 'Stop and remove it, then install the service with its settings.',
    exitCode: EXIT.refused,
  })

/**
 * Reads a file as the service's user: root must not pass on the content of a file that this user may not
 * read.
 */
async function readAs(user: string, path: string): Promise<string> {
  const own = process.getuid?.() !== 0
  const { code, stdout } = await queryOrFail([
    ...(own ? [] : ['runuser', '-u', user, '--']),
    'head',
    '-c',
    '65536',
    '--',
    path,
  ])
  if (code === 0) return stdout.trim()
  throw new UserError('key_unreadable', `${user} cannot read the key in ${path}.`, {
    remedy: 'Give the key with --key-file.',
    exitCode: EXIT.usage,
  })
}
