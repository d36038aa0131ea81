import { basename, resolve } from 'node:path'
import { Command } from 'commander'
import { runtimeVariables } from '../../agents/runtimes/index.ts'
import { loadDaemonConfig } from '../../config/daemon-config.ts'
import { homeOf } from '../../config/home.ts'
import type { DaemonFlags } from '../../config/sources.ts'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import { environmentLine, expandCommand, parseEnvironment } from '../../service/expand.ts'
import { dropIns, type HandUnit, readText, unitFacts } from '../../service/handwritten-units.ts'
import { type Account, SUPERVISED, serviceFiles } from '../../service/plan.ts'
import type { Pm2Entry } from '../../service/pm2-entry.ts'
import { queryOrFail } from '../../service/run.ts'
import type { Step } from '../../service/steps.ts'
import type { Scope } from '../../service/systemd.ts'
import { isOurs } from '../../service/unit-checks.ts'
import { withDaemonFlags } from '../start/daemon-flags.ts'
import { accountOf, ownAccount } from './account.ts'

/** Settings of a hand-written service, in the form that an installed service has. */
export interface TakenOver {
  user: string
  /** Flags of the daemon, without the key. */
  flags: DaemonFlags
  key: string | undefined
  stateDir: string
  /** PATH of the service, if it sets one. */
  path: string | undefined
  /** All other variables, some of which may be secret. */
  environment: Record<string, string>
  /** Steps before the new service is written: they keep copies of the old files. */
  steps: Step[]
  notes: string[]
}

/** Settings that the new unit contains. A drop-in file with such a setting would override the unit. */
const OWN =
  /^(Type|ExecStart|User|Environment|EnvironmentFile|PassEnvironment|WorkingDirectory|StateDirectory|StateDirectoryMode|KillMode|KillSignal|Restart|RestartSec|RestartSteps|RestartMaxDelaySec|SuccessExitStatus|RestartForceExitStatus|RestartPreventExitStatus|NotifyAccess|WatchdogSec|LoadCredential)\s*=/

/**
 * Reads the settings of a hand-written unit.
 * @param given flags that override the flags of the unit
 * @throws UserError if its command cannot be understood
 */
export async function takeOverUnit(
  scope: Scope,
  { name, path }: HandUnit,
  given: DaemonFlags,
): Promise<TakenOver> {
  const facts = await unitFacts(scope, name)
  const what = `The unit ${name}`
  const [argv = [], ...others] = facts.commands
  if (others.length > 0) throw notUnderstood(what, 'it has several commands (ExecStart=)')
  if (facts.dynamicUser) throw notUnderstood(what, 'its user exists only while it runs (DynamicUser=)')
  const pattern = facts.environmentFiles.find((file) => /[*?[]/.test(file))
  if (pattern !== undefined) throw notUnderstood(what, `EnvironmentFile=${pattern} is a pattern`)
  const manager = scope === 'system' ? 'systemd' : 'systemd-user'
  const account = await accountOf(facts.user || String(process.getuid?.() ?? 0))
  const environment = { ...facts.environment }
  for (const file of facts.environmentFiles)
    Object.assign(environment, parseEnvironment(readText(file) ?? ''))
  const understood = await understand({
    what,
    argv: expandCommand(argv, environment),
    environment,
    account,
    cwd: facts.workingDirectory.replace(/^~/, account.home) || '/',
    stateDirectory: facts.stateDirectory[0],
    credential: facts.credentials.key ?? facts.credentials['fomular-key'],
    given,
  })
  const files = serviceFiles(manager, name, account.home)
  const steps = [...keep(path, files.unit), ...dropIns(scope, name).flatMap(putAside)]
  const backups = steps.flatMap((step) => (step.do === 'write' ? [step] : []))
  const { key } = understood
  const holders = [
    ...backups.filter(({ text }) => key && text.includes(key)).map((backup) => backup.path),
    ...[...(path === files.unit ? [] : [path]), ...facts.environmentFiles].filter(
      (file) => key && readText(file)?.includes(key),
    ),
  ]
  const variables = await environmentStep(files.environment, understood.environment)
  const lost = [path, ...dropIns(scope, name).filter((file) => isInTheWay(readText(file) ?? ''))].flatMap(
    unknownSettings,
  )
  return {
    user: account.name,
    ...understood,
    steps: [...steps, ...variables],
    notes: [
      `The unit ${name} is taken over: its server, key, user ${account.name}, state folder ${understood.stateDir}, and variables stay the same.`,
      ...(backups.length > 0
        ? [`The old files are kept in ${backups.map((backup) => backup.path).join(', ')}.`]
        : []),
      ...(holders.length > 0
        ? [`The key is still in ${holders.join(', ')}: delete it there once the service works.`]
        : []),
      ...(variables.length > 0
        ? [`The unit's variables go into the file ${files.environment}, which only its owner can read.`]
        : []),
      ...(lost.length > 0
        ? [
            `Not taken over: ${lost.join(', ')}. To set them again: systemctl ${scope === 'user' ? '--user ' : ''}edit ${name}`,
          ]
        : []),
    ],
  }
}

interface Found {
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
async function understand(found: Found) {
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
  // Drop the variable that contained the key, which is recognized by its value.
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
 * Returns the arguments that a command passes to this program. Refuses a command that starts other programs,
 * too, because the new service would not start them.
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

const notUnderstood = (what: string, why: string) =>
  new UserError('not_understood', `${what} runs this program in a way that cannot be taken over: ${why}.`, {
    remedy: 'Stop and remove it, then install the service with its settings.',
    exitCode: EXIT.refused,
  })

/** Reads a file as the service's user: root must not hand over a file that this user may not read. */
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

const kept = (path: string) => `${path}.before-take-over`

/**
 * Keeps a copy of a unit file that the new unit file overwrites. A unit file in another place stays, without
 * effect.
 */
const keep = (path: string, unit: string): Step[] =>
  path === unit ? [{ do: 'write', path: kept(path), text: readText(path) ?? '', mode: 0o600 }] : []

const settings = (text: string) =>
  text
    .replace(/\\\n/g, ' ')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => /^[A-Za-z]+\s*=/.test(line))
const isInTheWay = (text: string) => settings(text).some((line) => OWN.test(line))

function putAside(path: string): Step[] {
  const text = readText(path)
  if (text === undefined || !isInTheWay(text)) return []
  return [
    { do: 'write', path: kept(path), text, mode: 0o600 },
    { do: 'remove', path },
  ]
}

/** Returns the names of settings that the new unit lacks. Values may be secret; names are not. */
const unknownSettings = (path: string): string[] =>
  settings(readText(path) ?? '')
    .filter(
      (line) =>
        !OWN.test(line) &&
        !/^(Description|Documentation|After|Wants|Requires|WantedBy|StartLimit\w*)\s*=/.test(line),
    )
    .map((line) => `${line.split('=')[0]!.trim()} (${basename(path)})`)

async function environmentStep(path: string, environment: Record<string, string>): Promise<Step[]> {
  const before = readText(path) ?? ''
  const known = parseEnvironment(before)
  // A later line overrides an earlier one.
  const added = Object.entries(environment).filter(([name, value]) => known[name] !== value)
  if (added.length === 0) return []
  const lines = added.map(([name, value]) => environmentLine(name, value))
  const text = `${before === '' || before.endsWith('\n') ? before : `${before}\n`}${lines.join('')}`
  return [{ do: 'write', path, text, mode: 0o600 }]
}

/**
 * Variables of a pm2 entry to keep, in addition to the variables of runtimes. pm2 took the other variables
 * from the shell.
 */
const OF_ENTRY =
  /^(FOMULAR_|AWS_|GOOGLE_|(HTTPS?|NO|ALL)_PROXY$|SSL_CERT_(FILE|DIR)$|NODE_EXTRA_CA_CERTS$|LANG$|LC_ALL$)/i
const isOfEntry = (name: string) => OF_ENTRY.test(name) || runtimeVariables.some(({ all }) => all.test(name))

/** Reads the settings of a hand-written pm2 entry. @throws UserError */
export async function takeOverEntry({ name, pm2_env }: Pm2Entry, given: DaemonFlags): Promise<TakenOver> {
  const all = Object.entries(pm2_env.env ?? {}).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  )
  const environment = Object.fromEntries(all)
  const args = typeof pm2_env.args === 'string' ? pm2_env.args.split(/\s+/) : (pm2_env.args ?? [])
  const account = ownAccount(homeOf(process.env))
  const understood = await understand({
    what: `The pm2 entry ${name}`,
    argv: [pm2_env.pm_exec_path ?? '', ...expandCommand(args.filter(Boolean), environment)],
    environment,
    account,
    cwd: pm2_env.pm_cwd ?? '/',
    given,
  })
  const { PATH: _path, HOME: _home, ...kept } = understood.environment
  return {
    user: account.name,
    ...understood,
    environment: Object.fromEntries(Object.entries(kept).filter(([variable]) => isOfEntry(variable))),
    steps: [],
    notes: [
      `The pm2 entry ${name} is taken over: its server, key, state folder ${understood.stateDir}, and variables stay the same. pm2 reads an entry's settings only once, so it restarts the entry, after its agents are ended gracefully.`,
      'Your own ecosystem file stays unchanged: delete it, or the key in it, once the service works.',
    ],
  }
}
