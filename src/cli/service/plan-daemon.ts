import { existsSync, realpathSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { runtimeVariables } from '../../agents/runtimes/index.ts'
import { type DaemonConfig, loadDaemonConfig } from '../../config/daemon-config.ts'
import { homeOf } from '../../config/home.ts'
import { limitVariables } from '../../config/hub-limits.ts'
import { concealKey, keySources, missingKey, readKey } from '../../config/key.ts'
import { stateDir } from '../../config/paths.ts'
import { expand } from '../../config/placeholder.ts'
import { isElsewhere } from '../../config/server-url.ts'
import type { DaemonFlags } from '../../config/sources.ts'
import { proxyVariables } from '../../config/trusted-proxies.ts'
import { captureInvocation } from '../../daemon/relaunch.ts'
import { UserError } from '../../platform/errors.ts'
import { EXECUTABLE } from '../../platform/executable.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import { programsOnPath } from '../../platform/on-path.ts'
import { realPath } from '../../platform/real-path.ts'
import { policyPath } from '../../policy/read.ts'
import { type ManagerName, type Runs, type ServicePlan, serviceFiles } from '../../service/plan.ts'
import { readInstalled } from '../../service/unit-mark.ts'
import { layoutOf } from '../../update/switch/layout.ts'
import { examineFile } from '../policy/examine-file.ts'
import { accountOf, ownAccount, pathOf, withRunner } from './account.ts'
import { carriedSettings, checkReadable } from './inherited-settings.ts'
import type { TakenOver } from './taken-over.ts'

/** Environment variables that a service keeps. */
const CAPTURED = [
  /^FOMULAR_(?!KEY|ENROLL_|HUB_|DAEMON_|STATE_DIR|AGENT)/,
  /^(HTTPS?_PROXY|NO_PROXY|ALL_PROXY)$/i,
  /^(LANG|LC_ALL|SSL_CERT_(FILE|DIR)|NODE_EXTRA_CA_CERTS)$/,
]
const PATHS = /^(FOMULAR_(CA_FILE|CONFIG|POLICY)|SSL_CERT_FILE|NODE_EXTRA_CA_CERTS)$/
/** Reports whether a variable contains the path of a runtime's folder. */
const isFolder = (name: string) => runtimeVariables.some(({ folder }) => folder === name)
const isPath = (name: string) =>
  PATHS.test(name) || isFolder(name) || runtimeVariables.some(({ program }) => program === name)

/**
 * Number of grace periods in a graceful stop, and time in seconds for the server to receive the remaining
 * activity.
 */
const STOP_STEPS = 4
const STOP_FURTHER_S = 30

export interface PlanOptions {
  manager: ManagerName
  name: string
  user?: string
  path?: string
  /** Flags for the daemon. */
  flags: DaemonFlags
  /** False if the plan is only shown, and not carried out. */
  keyNeeded: boolean
  /** The daemon alone, or together with a hub. */
  runs: 'daemon' | 'up'
  /** Port of the hub. */
  port?: number
  /** Hand-written service that the new service replaces. */
  taken?: TakenOver
}

export interface Planned {
  plan: ServicePlan
  /** Key to store for the service; undefined if the key is already stored, or in the configuration file. */
  key: string | undefined
  warnings: string[]
  /** False if the daemon has no policy, and its server is on another machine. */
  hasPolicy: boolean
}

/**
 * Plans an installation from the user's flags and this process's environment. Checks the configuration, and
 * refuses what a daemon would refuse.
 * @throws UserError
 */
export async function planDaemon({
  manager,
  name,
  user,
  path,
  flags: given,
  keyNeeded,
  runs,
  port,
  taken,
}: PlanOptions): Promise<Planned> {
  const system = manager === 'systemd'
  if (user !== undefined && !system)
    throw new UserError(
      'usage',
      `--user requires --manager systemd; a service of ${manager} runs as the current user.`,
      { exitCode: EXIT.usage },
    )
  const own = { ...process.env }
  // Remove the key from the environment: programs started after this point do not need the key, and pm2 would
  // keep it as long as pm2 runs.
  concealKey()
  const home = homeOf(own)
  const installed = readInstalled(serviceFiles(manager, name, home).unit)?.mark
  const named = user ?? taken?.user ?? installed?.user ?? own.SUDO_USER
  const account = system && named ? await accountOf(named) : ownAccount(home)

  const carried = given.config === undefined && !taken ? await carriedSettings(home, account) : undefined
  // Keep settings that the user does not repeat. Otherwise, a service could lose its policy by accident, or
  // change its folder and lose its agents.
  const same = installed?.user === account.name ? installed : undefined
  const stays = taken?.stateDir ?? same?.state_dir
  const flags: DaemonFlags = {
    ...carried?.flags,
    ...taken?.flags,
    ...(stays !== undefined && !own.FOMULAR_STATE_DIR && { stateDir: stays }),
    ...(same?.policy !== undefined && !own.FOMULAR_POLICY && { policy: same.policy }),
    ...given,
  }
  const env = { ...own, ...taken?.environment, HOME: account.home }
  const files = serviceFiles(manager, name, account.home)
  if (runs === 'up') refuseServer(given)
  const { key, config, ownKey } =
    runs === 'up'
      ? await withOwnHub(flags, env, account.uid)
      : await configuration(flags, env, account.uid, files.key, keyNeeded, taken?.key)
  concealKey(config.key)

  const ofUser = stateDir({ HOME: account.home })
  const usual = system ? join('/var/lib', name) : ofUser
  // A service of the system uses the user's usual state folder only if a flag names this folder.
  const meant = config.state_dir !== ofUser || flags.stateDir !== undefined
  const chosen = meant && config.state_dir !== usual ? config.state_dir : undefined
  const { environment, warnings } = captured(process.env, runs)
  const { runner, program } = invocation()
  const policyFile = policyPath(config.policy, { HOME: account.home })
  const agentUser = policyFile && examineFile(policyFile, account.uid).policy?.isolation.agent_user
  const needed = [...runner.slice(0, 1), program, config.ca_file, config.policy, flags.config]
  await checkReadable(
    account,
    needed.filter((file) => typeof file === 'string'),
  )
  return {
    plan: {
      runs,
      name,
      runner,
      program,
      args: [
        ...(runs === 'up'
          ? ['up', '--verbose', ...(port === undefined ? [] : ['--port', String(port)])]
          : ['run']),
        ...passedOn(flags, env),
        ...(chosen === undefined ? [] : ['--state-dir', chosen]),
      ],
      account,
      path: withRunner(path ?? taken?.path ?? (await pathOf(account)), runner),
      environment: {
        ...carried?.environment,
        ...environment,
        ...(flags.policy !== undefined && { FOMULAR_POLICY: String(config.policy) }),
        ...(manager === 'pm2' && taken?.environment),
      },
      ownKey,
      stateDir: chosen ?? usual,
      usualStateDir: chosen === undefined,
      installation: layoutOf(realpathSync(program), EXECUTABLE).root,
      ...(agentUser !== undefined && { agentUser }),
      stopSeconds: Math.ceil(STOP_STEPS * config.stop_grace_s) + STOP_FURTHER_S,
    },
    key,
    warnings: [...config.warnings, ...warnings],
    hasPolicy: !isElsewhere(config.server_url) || policyFile !== undefined,
  }
}

/** Returns the configuration for use with a hub. The hub provides the key and the address. */
async function withOwnHub(flags: DaemonFlags, env: NodeJS.ProcessEnv, user: number) {
  const { FOMULAR_KEY: _key, FOMULAR_KEY_FILE: _file, FOMULAR_SERVER_URL: _url, ...rest } = env
  const config = await loadDaemonConfig({ flags: { ...flags, key: 'of-its-own-hub' }, env: rest, user })
  return { config, key: undefined, ownKey: false }
}

function refuseServer(flags: DaemonFlags) {
  const named = ['serverUrl', 'key', 'keyFile', 'caFile', 'allowInsecure'].find(
    (name) => flags[name] !== undefined,
  )
  if (named === undefined) return
  throw new UserError('usage', '`up` runs its own hub: it takes no server and no key.', {
    remedy: 'For another server, install the daemon: fomular-daemon service install',
    exitCode: EXIT.usage,
  })
}

async function configuration(
  flags: DaemonFlags,
  env: NodeJS.ProcessEnv,
  user: number,
  installed: string,
  needed: boolean,
  taken: string | undefined,
) {
  const given = (await givenKey(flags, env)) ?? taken
  const load = (key: DaemonFlags): Promise<DaemonConfig> => {
    const { key: _key, keyFile: _keyFile, ...others } = flags
    const { FOMULAR_KEY: _env, FOMULAR_KEY_FILE: _file, ...rest } = env
    return loadDaemonConfig({ flags: { ...others, ...key }, env: rest, user })
  }
  if (given !== undefined) return { config: await load({ key: given }), key: given, ownKey: true }
  if (existsSync(installed))
    return { config: await load({ keyFile: installed }), key: undefined, ownKey: true }
  try {
    return { config: await load({}), key: undefined, ownKey: false }
  } catch (error) {
    if (needed || !(error instanceof UserError) || error.code !== 'key_missing') throw error
    return { config: await load({ key: 'to-be-installed' }), key: undefined, ownKey: true }
  }
}

async function givenKey(flags: DaemonFlags, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const { key, keyFile } = flags as { key?: string; keyFile?: string }
  if (keyFile === '-') {
    const { text } = await import('node:stream/consumers')
    return readKey(
      [{ name: 'standard input', key: await text(process.stdin), literal: true }],
      missingKey(),
      env,
    ).key
  }
  const sources = keySources({ key, keyFile }, env)
  return sources.length > 0 ? readKey(sources, missingKey(), env).key : undefined
}

/**
 * Returns the flags that the service passes to the daemon. The flags are valid in any folder and environment.
 * The key is not among them.
 */
function passedOn(flags: DaemonFlags, env: NodeJS.ProcessEnv): string[] {
  // Versions without policies must accept these flags, too.
  const { key: _key, keyFile: _keyFile, stateDir: _stateDir, policy: _policy, ...others } = flags
  return Object.entries(others).flatMap(([name, value]) => {
    const flag = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
    if (value === undefined || value === false) return []
    if (value === true) return [flag]
    const text = expand(value, flag, env)
    return [flag, name === 'caFile' || name === 'config' ? resolve(text) : text]
  })
}

function captured(
  env: NodeJS.ProcessEnv,
  runs: Runs,
): { environment: Record<string, string>; warnings: string[] } {
  const environment = runs === 'up' ? { ...limitVariables({}, env), ...proxyVariables(undefined, env) } : {}
  const warnings: string[] = []
  for (const [name, value] of Object.entries(env)) {
    if (!value || !(isFolder(name) || CAPTURED.some((pattern) => pattern.test(name)))) continue
    // Any user can read the settings of a service.
    if (/:\/\/[^/@]+@/.test(value))
      warnings.push(
        `${name} contains a password and was left out. Put this variable into the service's environment file.`,
      )
    else environment[name] = isPath(name) ? resolve(value) : value
  }
  return { environment, warnings }
}

/**
 * Returns the command that starts this program, with paths that stay valid when the program or Node is
 * updated.
 */
export function invocation(): { runner: string[]; program: string } {
  const { runner, argv } = captureInvocation()
  const [node, ...args] = runner
  return { runner: node === undefined ? [] : [lasting(node), ...args], program: resolve(argv[0]) }
}

/**
 * Returns a path of Node that survives updates. Node itself reports its path without links, and that path may
 * contain the number of a version.
 */
function lasting(node: string): string {
  // Skip the folder that npm adds to PATH while it runs a script.
  const isLasting = (name: string) => !name.includes('node_modules') && realPath(name) === node
  return programsOnPath('node', process.env).find(isLasting) ?? node
}
