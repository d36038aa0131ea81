import { mkdirSync, openSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { UserError } from '../platform/errors.ts'
import { homeOf } from './home.ts'
import { expanded } from './placeholder.ts'

export interface StatePaths {
  dir: string
  agents: string
  machine: string
  ledger: string
  lock: string
  socket: string
  runtimes: string
  log: string
  hub: string
}

/** What is where in a state folder, as absolute paths. */
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
    log: at('daemon.log'),
    hub: at('hub'),
  }
}

/** The state folder: `FOMULAR_STATE_DIR`, else the first of systemd's `STATE_DIRECTORY`, else `~/.fomular/state`. */
export function stateDir(env: NodeJS.ProcessEnv): string {
  const [ofUnit] = (env.STATE_DIRECTORY ?? '').split(':')
  const named = env.FOMULAR_STATE_DIR && expanded(env.FOMULAR_STATE_DIR, 'FOMULAR_STATE_DIR', env)
  return resolve(named || ofUnit || join(homeOf(env), '.fomular/state'))
}

/** Longest path of a unix socket, in bytes: 107 on Linux, 103 on macOS. Node cuts a longer one off silently. */
const SOCKET_PATH_BYTES = 103

const folders = new Map<string, number>()

/**
 * What to listen on, or connect to, for a socket at `path`: the same socket by a shorter name where its path is too long
 * for the system. The folder it is in is made if it is not there.
 * @throws UserError where there is no shorter name
 */
export function socketAddress(path: string): string {
  if (Buffer.byteLength(path) <= SOCKET_PATH_BYTES) return path
  const dir = dirname(path)
  if (process.platform !== 'linux')
    throw new UserError('path_too_long', `The path ${path} is too long for a socket.`, {
      remedy: `Use a state folder with a path of at most ${SOCKET_PATH_BYTES - basename(path).length - 1} bytes (FOMULAR_STATE_DIR).`,
    })
  // Stays open for as long as this process lives: the name is good for no longer than the descriptor.
  let fd = folders.get(dir)
  if (fd === undefined) {
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    fd = openSync(dir, 'r')
    folders.set(dir, fd)
  }
  return `/proc/self/fd/${fd}/${basename(path)}`
}
