import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { promisify } from 'node:util'
import { type Account, accountOf } from '../../platform/account.ts'
import { capabilitiesIn } from '../../platform/capabilities.ts'
import { ownUid } from '../../platform/process-list.ts'
import { shorten } from '../../protocol/shorten.ts'
import { CommandFailure } from '../command-failure.ts'

/** Possible paths of setpriv. Do not search PATH: an agent may be able to change the folders on it. */
const PROGRAMS = ['/usr/bin/setpriv', '/bin/setpriv', '/run/current-system/sw/bin/setpriv']
/** Time limit for a program that checks something as the user, in ms. */
const CHECK_MS = 10_000
/** Exit code of a check that the user does not pass. */
const FORBIDDEN = 99

/** Capabilities that a daemon needs for agents of another user. Root usually has all of them. */
const NEEDED = ['CHOWN', 'DAC_OVERRIDE', 'KILL', 'SETGID', 'SETUID', 'SYS_PTRACE'] as const

/** The user that agents run as, if it is not the daemon's user. */
export interface AgentUser extends Account {
  /** Command to put before a program: it runs the program as this user, who then cannot gain privileges. */
  command: readonly string[]
}

/**
 * Returns the account of a user for agents.
 * @throws CommandFailure if there is no such user, or if it is root or in root's group
 */
export function agentAccount(name: string): Account {
  const account = accountOf(name)
  if (!account)
    throw unusable(name, 'this machine has no such user', `Create it: useradd --create-home ${name}`)
  if (account.uid === 0) throw unusable(name, 'this user is root', OTHER)
  if (account.gid === 0) throw unusable(name, "this user's primary group is root's group", OTHER)
  return account
}

/** Returns a user that agents can run as. @throws CommandFailure if agents cannot run as this user */
export function agentUser(name: string): AgentUser {
  const program = PROGRAMS.find(existsSync)
  if (process.platform !== 'linux' || program === undefined)
    throw unusable(name, 'setpriv is not installed', 'Install util-linux.')
  const account = agentAccount(name)
  const { uid, gid } = account
  if (uid === ownUid()) throw unusable(name, 'the daemon itself runs as this user', OTHER)
  const missing = missingCapabilities()
  if (missing.length > 0)
    throw unusable(
      name,
      `the daemon may not switch users: it lacks ${missing.map((each) => `CAP_${each}`).join(', ')}`,
      'Run the daemon as root; in a container, also with --cap-add SYS_PTRACE.',
    )
  const ids = [`--reuid=${uid}`, `--regid=${gid}`, '--init-groups']
  return {
    ...account,
    command: [program, ...ids, '--inh-caps=-all', '--ambient-caps=-all', '--no-new-privs', '--'],
  }
}

function missingCapabilities(): string[] {
  const has = capabilitiesIn('CapEff')
  return NEEDED.filter((name) => !has(name))
}

/** Variables that belong to the login session of the daemon's user. */
const OF_LOGIN = /^(XDG_.*|SUDO_.*|DBUS_SESSION_BUS_ADDRESS|SSH_AUTH_SOCK|TMPDIR|MAIL|PWD|OLDPWD)$/

/**
 * Returns the daemon's environment, changed for the agents' user: without the variables of the daemon's login
 * session, and without variables that lead to the home of the daemon's user.
 */
export function environmentAs(
  { name, home, shell }: Pick<Account, 'name' | 'home' | 'shell'>,
  env: NodeJS.ProcessEnv,
): NodeJS.ProcessEnv {
  const isForeign = (value = '') => (env.HOME ?? '/') !== '/' && `${value}/`.startsWith(`${env.HOME}/`)
  const kept = Object.entries(env).filter(
    ([variable, value]) =>
      !OF_LOGIN.test(variable) && (/^(PATH|FOMULAR_.*)$/.test(variable) || !isForeign(value)),
  )
  return { ...Object.fromEntries(kept), HOME: home, USER: name, LOGNAME: name, SHELL: shell }
}

/** Checks that the user may work in a folder. @throws CommandFailure */
export async function checkFolderAs(user: AgentUser, folder: string): Promise<void> {
  const may = `[ -d "$1" ] && [ -r "$1" ] && [ -x "$1" ] || exit ${FORBIDDEN}`
  const { code } = await shellAs(user, may, [folder])
  if (code === FORBIDDEN)
    throw new CommandFailure(
      'cwd_forbidden',
      `The user ${user.name}, as whom agents run, may not work in ${folder}.`,
      {
        path: 'spec.cwd',
        remedy: `Give ${user.name} the right to read and enter it and the folders above, or name another folder.`,
      },
    )
}

/** Returns the given paths that the user can reach. @throws CommandFailure */
export async function reachableAs(user: AgentUser, paths: readonly string[]): Promise<string[]> {
  const { out } = await shellAs(user, 'for path do [ -e "$path" ]; echo $?; done', paths)
  const codes = out.split('\n')
  return paths.filter((_, index) => codes[index] === '0')
}

/** Creates folders as the user, in the user's home. @throws CommandFailure */
export async function makeFoldersAs(user: AgentUser, paths: readonly string[]): Promise<void> {
  await shellAs(user, 'umask 077; for path do mkdir -p -- "$path"; done', paths)
}

/** Runs a script as the user. @throws CommandFailure if it fails with a code other than `FORBIDDEN` */
async function shellAs(user: AgentUser, script: string, args: readonly string[]) {
  const [file, ...before] = [...user.command, '/bin/sh', '-c', script, 'sh', ...args] as [string, ...string[]]
  const options = { timeout: CHECK_MS, env: { PATH: process.env.PATH }, cwd: '/' }
  try {
    const { stdout } = await promisify(execFile)(file, before, options)
    return { code: 0, out: stdout }
  } catch (error) {
    const { code, stderr = '' } = error as { code?: unknown; stderr?: string }
    if (code === FORBIDDEN) return { code, out: '' }
    throw unusable(user.name, shorten(stderr.trim(), 300) || (error as Error).message, OTHER)
  }
}

const OTHER = "Have the machine's operator correct isolation.agent_user."

const unusable = (name: string, reason: string, remedy: string) =>
  new CommandFailure('policy', `The machine's policy demands that agents run as ${name}, but ${reason}.`, {
    path: 'isolation.agent_user',
    remedy,
  })
