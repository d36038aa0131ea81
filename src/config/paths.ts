import { mkdirSync, openSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { UserError } from '../platform/errors.ts'
import { homeOf } from './home.ts'
import { expand } from './placeholder.ts'

export interface StatePaths {
  dir: string
  agents: string
  machine: string
  ledger: string
  lock: string
  socket: string
  runtimes: string
  memory: string
  starts: string
  worktrees: string
  costs: string
  trusted: string
  log: string
  hub: string
}

/** Returns the absolute paths of the files in a state folder. */
export function statePaths(dir: string): StatePaths {
  const root = resolve(dir)
  const at = (name: string) => join(root, name)
  return {
    dir: root,
    agents: at('agents'),
    machine: at('machine.json'),
    ledger: at('ledger.jsonl'),
    lock: at('lock'),
    socket: at('daemon.sock'),
    runtimes: at('runtimes.json'),
    memory: at('memory.json'),
    starts: at('starts.json'),
    worktrees: at('worktrees'),
    costs: at('costs.json'),
    trusted: at('trusted.json'),
    log: at('daemon.log'),
    hub: at('hub'),
  }
}

/**
 * Returns the state folder: `FOMULAR_STATE_DIR`, else the first of systemd's `STATE_DIRECTORY`,
 * else `~/.fomular/state`.
 */
export function stateDir(env: NodeJS.ProcessEnv): string {
  const [ofUnit] = (env.STATE_DIRECTORY ?? '').split(':')
  const named = env.FOMULAR_STATE_DIR && expand(env.FOMULAR_STATE_DIR, 'FOMULAR_STATE_DIR', env)
  return resolve(named || ofUnit || join(homeOf(env), '.fomular/state'))
}

/**
 * Maximum length of a Unix socket's path, in bytes: 107 on Linux, 103 on macOS. Node silently truncates a
 * longer path.
 */
const SOCKET_PATH_BYTES = 103

const folders = new Map<string, number>()

/**
 * Returns the address of the socket at `path` for listening or connecting. If the path is too long for the
 * system, the address is a shorter name of the same socket. The socket's folder is then created if missing.
 * @throws UserError if there is no shorter name
 */
export function socketAddress(path: string): string {
  if (Buffer.byteLength(path) <= SOCKET_PATH_BYTES) return path
  const dir = dirname(path)
  if (process.platform !== 'linux')
    throw new UserError('path_too_long', `The path ${path} is too long for a socket.`, {
      remedy: `Use a state folder with a path of at most ${SOCKET_PATH_BYTES - basename(path).length - 1} bytes (FOMULAR_STATE_DIR).`,
    })
  // The descriptor stays open until this process ends: the name is valid only while the descriptor is open.
  let fd = folders.get(dir)
  if (fd === undefined) {
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    fd = openSync(dir, 'r')
    folders.set(dir, fd)
  }
  return `/proc/self/fd/${fd}/${basename(path)}`
}
