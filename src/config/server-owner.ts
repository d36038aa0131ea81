import { execFileSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import * as z from 'zod/mini'
import { UserError } from '../platform/errors.ts'
import { ensurePrivateDir, readJson, writeAtomic } from '../platform/files.ts'
import { isForeign } from '../platform/sockets.ts'

/** `servers.json`: who ran the server on a port of this machine when it was first connected to. */
const Owners = z.object({ version: z.literal(1), owners: z.record(z.string(), z.int()) })
/** Ports that are remembered. */
const MOST_PORTS = 64
/** For a directory service to find a user, in ms. */
const ANSWER_MS = 5000

export const serversFile = (dir: string) => join(dir, 'servers.json')

export interface OwnerRules {
  /** Path of `servers.json`, in a folder of this user's. */
  file: string
  /** `server_user` of the settings. */
  user?: string | undefined
  /** uid of the user whose key it is. */
  owner?: number | undefined
  /** Nothing is written down. */
  looksOnly?: boolean
  /** Says what somebody should know. Without it, a server that was never connected to is `server_unknown`. */
  notice?(text: string): void
}

/**
 * Decides whether a server on this machine is shown a key, by the user that runs it: this one, root, `server_user`, or
 * the one that ran it first.
 * @param url of the server
 * @throws UserError where it is another one
 */
export function checkOwner(uid: number, url: string, { file, user, owner, looksOnly, notice }: OwnerRules) {
  const { hostname, port, protocol } = new URL(url)
  const place = `${hostname.replace(/^.*localhost$/, 'localhost')}:${port || (protocol === 'wss:' || protocol === 'https:' ? 443 : 80)}`
  const named = user === undefined ? undefined : uidOf(user)
  const isOurs = uid === process.geteuid?.() || uid === 0 || uid === named || uid === owner
  const first = named === undefined ? firstOwner(file, place) : undefined
  if (isOurs) {
    if (!looksOnly && first === undefined && named === undefined) remember(file, place, uid)
    return
  }
  if (uid === first) return
  const isNew = named === undefined && first === undefined && owner === undefined
  const runBy = `The server at ${place} is run by ${nameOf(uid)}, neither by root nor by this user.`
  if (isNew && !notice)
    throw new UserError('server_unknown', `${runBy} It has not been connected to yet: no key was sent.`, {
      remedy: `If ${nameOf(uid)} is to run it, start the daemon: from then on the key is sent there only to a server of one of these three. If not, end what holds the port.`,
    })
  if (isNew && notice && !isForeign(dirname(file))) {
    remember(file, place, uid)
    return notice(
      `${runBy} From now on the key is sent there only to a server of one of these three. To allow none but a certain user, set server_user.`,
    )
  }
  throw new UserError(
    'server_foreign',
    `What listens at ${place} is run by ${nameOf(uid)}, who is not the server's user: no key was sent.`,
    {
      remedy: `Start the server, and end what holds its port. If ${nameOf(uid)} is to run the server, set FOMULAR_SERVER_USER=${nameOf(uid)}, or server_user in the configuration file.`,
    },
  )
}

function firstOwner(file: string, place: string): number | undefined {
  const read = isForeign(dirname(file)) ? undefined : readJson(file, Owners)
  return read?.ok && Object.hasOwn(read.value.owners, place) ? read.value.owners[place] : undefined
}

function remember(file: string, place: string, uid: number) {
  try {
    if (isForeign(dirname(file))) return
    ensurePrivateDir(dirname(file))
    const read = readJson(file, Owners)
    const others = Object.entries(read.ok ? read.value.owners : {}).slice(1 - MOST_PORTS)
    writeAtomic(file, JSON.stringify({ version: 1, owners: Object.fromEntries([...others, [place, uid]]) }))
  } catch {
    // On a disk that is full or read-only, the next connection is the first again.
  }
}

/** @throws UserError where there is no such user */
function uidOf(user: string): number {
  if (/^\d+$/.test(user)) return Number(user)
  const uid = ask(['id', '-u', '--', user])
  if (uid !== undefined && /^\d+$/.test(uid)) return Number(uid)
  throw new UserError('config_invalid', `server_user: there is no user ${user}.`, {
    remedy: 'Name one that there is, or its number.',
    exitCode: 2,
  })
}

const nameOf = (uid: number) => ask(['id', '-un', String(uid)]) || `user ${uid}`

function ask([program, ...args]: [string, ...string[]]): string | undefined {
  try {
    return execFileSync(program, args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: ANSWER_MS,
    }).trim()
  } catch {
    return undefined
  }
}
