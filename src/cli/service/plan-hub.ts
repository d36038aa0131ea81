import { existsSync, lstatSync, realpathSync } from 'node:fs'
import { createServer } from 'node:net'
import { isAbsolute, join, resolve } from 'node:path'
import { homeOf } from '../../config/home.ts'
import { hubPort } from '../../config/hub.ts'
import { limitVariables } from '../../config/hub-limits.ts'
import { HUB_STORE, hubStore } from '../../config/hub-store.ts'
import { stateDir, statePaths } from '../../config/paths.ts'
import { isStrictByEnvironment } from '../../config/refuse-foreign.ts'
import { isLoopback } from '../../config/server-url.ts'
import { proxyVariables } from '../../config/trusted-proxies.ts'
import { systemCode, UserError } from '../../platform/errors.ts'
import { EXECUTABLE } from '../../platform/executable.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import { type Account, type ManagerName, serviceFiles } from '../../service/plan.ts'
import { readInstalled } from '../../service/unit-mark.ts'
import { layoutOf } from '../../update/switch/layout.ts'
import type { HubServeOptions } from '../hub/index.ts'
import { accountOf, ownAccount, PLAIN_PATH, withRunner } from './account.ts'
import { checkReadable } from './inherited-settings.ts'
import { invocation, type Planned } from './plan-daemon.ts'

/** Time for a hub to stop, in seconds: to finish requests and to write its state. */
const STOP_S = 30
/** Lowest port that any user may listen on, unless the machine is configured otherwise. */
const FIRST_FREE_PORT = 1024

interface HubPlanOptions {
  manager: ManagerName
  name: string
  user?: string
  path?: string
  flags: HubServeOptions
}

/** Plans the installation of a hub, and refuses what the hub would refuse. @throws UserError */
export async function planHub({ manager, name, user, path, flags }: HubPlanOptions): Promise<Planned> {
  const system = manager === 'systemd'
  if (user !== undefined && !system)
    throw usage(`--user requires --manager systemd; a service of ${manager} runs as the current user.`)
  const host = flags.host ?? '127.0.0.1'
  const port = flags.port ?? hubPort(process.env)
  const tls = tlsFiles(flags)
  const store = storeOf(flags)
  if (!isLoopback(host) && !tls && !flags.insecure)
    throw new UserError(
      'hub_insecure',
      `Without TLS, the hub listens on this machine only, not on ${host}.`,
      {
        remedy: 'Add --tls-cert and --tls-key, or --insecure in a trusted network.',
        exitCode: EXIT.usage,
      },
    )
  const low = port > 0 && port < FIRST_FREE_PORT
  if (low && !system && process.getuid?.() !== 0)
    throw new UserError('port_forbidden', `Only root may listen on port ${port}.`, {
      remedy:
        'Choose a port of at least 1024, or install the hub as a service of the whole machine: sudo fomular-daemon service install hub',
      exitCode: EXIT.refused,
    })

  const home = homeOf(process.env)
  const usual = system ? join('/var/lib', name) : statePaths(stateDir({ HOME: home })).hub
  const before = readInstalled(serviceFiles(manager, name, home).unit)?.mark
  const dir = flags.dataDir === undefined ? (before?.state_dir ?? usual) : resolve(flags.dataDir)
  const named = user ?? before?.user ?? (dir === usual ? undefined : process.env.SUDO_USER)
  const dynamicUser = system && (named === undefined || named === name) && dir === usual
  const account = dynamicUser
    ? dynamicAccount(name)
    : system && named
      ? await accountOf(named)
      : ownAccount(home)
  const { runner, program } = invocation()
  const reader = dynamicUser ? await accountOf('nobody') : account
  const secretFiles = {
    ...(tls && { 'tls-cert': tls.cert, 'tls-key': tls.key }),
    ...(store?.passwordFile !== undefined && { 'store-password-file': store.passwordFile }),
  }
  await checkReadable(reader, [
    ...runner.slice(0, 1),
    program,
    ...(store?.authority === undefined ? [] : [store.authority]),
    ...(system ? [] : Object.values(secretFiles)),
  ])
  if (!dynamicUser) checkOwner(dir, account)
  return {
    plan: {
      runs: 'hub',
      name,
      runner,
      program,
      args: [
        'hub',
        '--host',
        host,
        '--port',
        String(port),
        '--data-dir',
        dir,
        ...(flags.insecure ? ['--insecure'] : []),
        ...(store ? ['--store', store.address] : []),
        ...(flags.verbose ? ['--verbose'] : []),
      ],
      account,
      path: withRunner(path ?? PLAIN_PATH, runner),
      ownKey: false,
      environment: {
        ...limitVariables(flags, process.env),
        ...proxyVariables(flags.trustedProxy, process.env),
        ...(!isStrictByEnvironment(process.env) && { FOMULAR_STRICT_MODES: 'false' }),
      },
      stateDir: dir,
      usualStateDir: dir === usual,
      installation: layoutOf(realpathSync(program), EXECUTABLE).root,
      stopSeconds: STOP_S,
      secretFiles,
      ...(store && { usesDatabase: true }),
      ...(low && { lowPort: true }),
      ...(dynamicUser && { dynamicUser }),
    },
    key: undefined,
    warnings: [],
    hasPolicy: true,
  }
}

const usage = (message: string) => new UserError('usage', message, { exitCode: EXIT.usage })

function tlsFiles({ tlsCert, tlsKey }: HubServeOptions) {
  if ((tlsCert === undefined) !== (tlsKey === undefined))
    throw usage('--tls-cert and --tls-key must be given together.')
  if (tlsCert === undefined || tlsKey === undefined) return undefined
  const tls = { cert: resolve(tlsCert), key: resolve(tlsKey) }
  for (const path of Object.values(tls))
    if (!existsSync(path))
      throw new UserError('tls_unreadable', `There is no file ${path}.`, {
        remedy: 'Name PEM files with the certificate chain and its private key.',
        exitCode: EXIT.usage,
      })
  return tls
}

/** Returns what the service needs to reach the hub's database. @throws UserError */
function storeOf(flags: HubServeOptions) {
  const address = flags.store ?? (process.env[HUB_STORE] || undefined)
  if (address === undefined) return undefined
  // Other users can read the file of a service, which therefore has no password.
  const { tls } = hubStore({ ...flags, store: address }, {})!
  if (process.env.PGPASSWORD && flags.storePasswordFile === undefined)
    throw usage(
      'The service does not get PGPASSWORD. Save the password to a file, and add --store-password-file.',
    )
  const authority = tls && new URLSearchParams(address.split('?')[1]).get('sslrootcert')
  if (authority && !isAbsolute(authority)) throw usage('sslrootcert must be an absolute path.')
  return {
    address,
    ...(authority && { authority }),
    ...(flags.storePasswordFile !== undefined && { passwordFile: resolve(flags.storePasswordFile) }),
  }
}

const dynamicAccount = (name: string): Account => ({ name, uid: -1, gid: -1, home: '/', shell: '/bin/sh' })

/** Checks that a folder belongs to the hub's user. @throws UserError */
function checkOwner(dir: string, { uid, name }: Account) {
  const stat = lstatSync(dir, { throwIfNoEntry: false })
  if (!stat || stat.uid === uid || (stat.uid === 0 && dir.startsWith('/var/lib/'))) return
  throw new UserError('state_of_another', `${dir} does not belong to ${name}.`, {
    remedy: `Name the owner of this folder with --user, or give the folder to ${name}: chown -R -h ${name}: ${dir}`,
    exitCode: EXIT.refused,
  })
}

/** Checks that the port is free: a hub without its port would restart endlessly. @throws UserError */
export async function checkPort(args: string[]): Promise<void> {
  const after = (flag: string) => args[args.indexOf(flag) + 1] ?? ''
  const [host, port] = [after('--host') || '127.0.0.1', Number(after('--port'))]
  const server = createServer()
  try {
    await new Promise<void>((done, fail) => server.once('error', fail).listen(port, host, done))
  } catch (error) {
    if (systemCode(error) === 'EACCES') return
    throw new UserError(
      'port_in_use',
      `The hub cannot listen on port ${port} on ${host}: ${(error as Error).message}`,
      {
        remedy:
          'Choose another address or port with --host and --port, or stop the program that uses this port.',
        exitCode: EXIT.refused,
      },
    )
  } finally {
    server.close()
  }
}
