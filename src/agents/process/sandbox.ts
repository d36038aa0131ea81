import { execFile } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { promisify } from 'node:util'
import { realPath } from '../../platform/real-path.ts'
import { CommandFailure } from '../command-failure.ts'

/** Paths of bubblewrap. PATH is not searched, because an agent may be able to change it. */
const PROGRAMS = ['/usr/bin/bwrap', '/bin/bwrap', '/usr/local/bin/bwrap', '/run/current-system/sw/bin/bwrap']
/** Time limit for checking that a sandbox can be created, in ms. */
const CHECK_MS = 10_000

/** A policy's rules for the sandbox in which agents run. */
export interface Sandbox {
  network: 'host' | 'none'
  /** Files and folders that agents must not see, such as the daemon's key. */
  hidden: readonly string[]
}

/** Files and folders that an agent can use in its sandbox. */
export interface SandboxPlaces {
  /** Home of the agent's user. */
  home: string
  /** Working folder of the agent, with links resolved. */
  cwd: string
  /**
   * Further folders that the agent's specification names, with links resolved. The agent may change these
   * folders.
   */
  chosen: readonly string[]
  /** Further files and folders that the agent may change. */
  writable: readonly string[]
  /** Folders that are empty when a process of the agent starts. */
  empty: readonly string[]
  /**
   * Files and folders that the agent can only read, even if they are in a folder that the agent may change.
   */
  readable: readonly string[]
}

/**
 * Returns the command that runs a program in a sandbox. There, the system is read-only, and /tmp and the list
 * of processes are separate. All processes that the program starts end with the program.
 * @param user command that runs the sandbox as another user
 * @throws CommandFailure if this machine cannot make the sandbox
 */
export async function sandboxed(
  sandbox: Sandbox,
  places: SandboxPlaces,
  user: readonly string[] = [],
): Promise<string[]> {
  const program = PROGRAMS.find(existsSync)
  if (process.platform !== 'linux' || program === undefined)
    throw unavailable('bubblewrap (bwrap) is not installed')
  const { cwd, home } = places
  const hidden = sandbox.hidden.filter(existsSync).map(realPath)
  if (hidden.some((path) => cwd === path || cwd.startsWith(`${path}/`)))
    throw unavailable(`its folder ${cwd} is hidden from agents`, 'Start the agent in another folder.')
  const open = [cwd, ...places.chosen].find((path) => isOpen(path, home))
  if (open !== undefined)
    throw unavailable(
      `${open} would give the agent access to the system outside of its sandbox`,
      'Start the agent in the folder of a project.',
    )
  const argv = [...user, program, ...optionsFor({ ...sandbox, hidden }, places)]
  try {
    await promisify(execFile)(argv[0]!, [...argv.slice(1), '/bin/sh', '-c', ':'], {
      timeout: CHECK_MS,
      env: {},
    })
  } catch (error) {
    const { stderr = '' } = error as { stderr?: string }
    throw unavailable(stderr.trim() || (error as Error).message)
  }
  return argv
}

/**
 * Folders of the system. Files in these folders control other programs, and sockets and devices there lead to
 * other programs.
 */
const SYSTEM = ['/run', '/proc', '/sys', '/dev', '/etc', '/usr', '/boot', '/var/run', '/var/lib/systemd']

/** Reports whether write access to this folder would let an agent leave its sandbox. */
const isOpen = (path: string, home: string) =>
  SYSTEM.some((dir) => isWithin(dir, path) || isWithin(path, dir)) || isWithin(realPath(home), path)

const isWithin = (path: string, outer: string) =>
  outer === '/' || path === outer || path.startsWith(`${outer}/`)

function optionsFor({ network, hidden }: Sandbox, places: SandboxPlaces): string[] {
  const { cwd, chosen, writable, empty, readable } = places
  return [
    // The sandbox ends when the launcher ends.
    ...['--die-with-parent', '--unshare-pid', '--unshare-ipc', '--cap-drop', 'ALL'],
    ...(network === 'none' ? ['--unshare-net'] : []),
    ...['--ro-bind', '/', '/', '--dev', '/dev', '--proc', '/proc'],
    // Hide /run, because its sockets lead to programs outside of the sandbox, such as the service manager.
    ...['--tmpfs', '/run', '--ro-bind-try', '/run/systemd/resolve', '/run/systemd/resolve'],
    ...['--tmpfs', '/tmp', '--tmpfs', '/var/tmp'],
    ...[cwd, ...chosen, ...writable].flatMap((path) => ['--bind-try', path, path]),
    ...empty.flatMap((path) => ['--tmpfs', path]),
    // These options must follow the writable folders, because hidden paths may be inside writable folders.
    ...hidden.flatMap((path) =>
      statSync(path).isDirectory() ? ['--tmpfs', path] : ['--ro-bind', '/dev/null', path],
    ),
    ...readable.flatMap((path) => ['--ro-bind', path, path]),
    ...['--chdir', cwd, '--'],
  ]
}

const unavailable = (reason: string, remedy?: string) =>
  new CommandFailure('policy', `The machine's policy demands a sandbox, but ${reason}.`, {
    path: 'isolation.sandbox',
    remedy:
      remedy ??
      "Install bubblewrap and permit user namespaces, or have the machine's operator change isolation.sandbox.",
  })
