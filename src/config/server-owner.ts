import { execFileSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import * as z from 'zod/mini'
import { UserError } from '../platform/errors.ts'
import { ensurePrivateDir, readJson, writeAtomic } from '../platform/files.ts'
import { isOpenToOthers } from '../platform/sockets.ts'

/** `servers.json`: who ran the server at an address of this machine when it was first connected to. */
const Owners = z.object({ version: z.literal(1), owners: z.record(z.string(), z.int()) })
/** Addresses that are remembered. */
const MOST_PLACES = 64
/** For a directory service to find a user, in ms. */
const ANSWER_MS = 5000

export const serversFile = (dir: string) => join(dir, 'servers.json')
/** What `enroll` writes beside the configuration file. */
export const serversBeside = (config: string) => serversFile(dirname(config))

export interface OwnerRules {
  /** Path of `servers.json`, in a folder of this user's. */
  file: string
  /** Path of the one that `enroll` has written, which goes first. */
  enrolled?: string | undefined
  /** `server_user` of the settings. */
  user?: string | undefined
  /** uid of the user whose key it is. */
  owner?: number | undefined
  /** Nothing is written down. */
  looksOnly?: boolean
  /** Says what somebody should know. Without it, a server that was never connected to is `server_unknown`. */
  notice?(text: string): void
  /** Gets the uid of a server that is shown the key. */
  shown?(uid: number): void
}

/**
 * Decides whether a server on this machine is shown a key, by the user that runs it: this one, root, `server_user`, or
 * the one that first ran what listened on its port, at whichever address.
 * @param url of the server
 * @throws UserError where it is another one
 */
export function checkOwner(uid: number, url: string, rules: OwnerRules) {
  refuseOther(uid, url, rules)
  rules.shown?.(uid)
}

function refuseOther(
  uid: number,
  url: string,
  { file, enrolled, user, owner, looksOnly, notice }: OwnerRules,
) {
  const place = placeOf(url)
  const named = user === undefined ? undefined : uidOf(user)
  if (uid === process.geteuid?.() || uid === 0 || uid === named || uid === owner) {
    if (!looksOnly && named === undefined) remember(file, place, uid)
    return
  }
  const who = nameOf(uid)
  const pins = named === undefined && owner === undefined
  const first = pins
    ? firstOf([enrolled, isOpenToOthers(dirname(file)) ? undefined : file], place, who)
    : undefined
  if (uid === first) return
  const isNew = pins && first === undefined
  const runBy = `The server at ${place} is run by ${who}, neither by root nor by this user.`
  if (isNew && !notice)
    throw new UserError('server_unknown', `${runBy} It has not been connected to yet: no key was sent.`, {
      remedy: `If ${who} is to run it, start the daemon: from then on the key is sent there only to a server of one of these three. If not, end what holds the port.`,
    })
  if (isNew && notice && !isOpenToOthers(dirname(file))) {
    if (!looksOnly) remember(file, place, uid)
    return notice(
      `${runBy} From now on the key is sent there only to a server of one of these three. To allow none but a certain user, set server_user.`,
    )
  }
  throw new UserError(
    'server_foreign',
    `What listens at ${place} is run by ${who}, who is not the server's user: no key was sent.`,
    {
      remedy: `Start the server, and end what holds its port. If ${who} is to run the server, ${naming(who)}.`,
    },
  )
}

/** A variable, as `service install` sets it for another user's service, goes before the configuration file. */
const naming = (who: string) =>
  `set FOMULAR_SERVER_USER=${who}${process.env.FOMULAR_SERVER_USER ? '' : ', or server_user in the configuration file'}`

function placeOf(url: string): string {
  const { hostname, port, protocol } = new URL(url)
  const usual = protocol === 'wss:' || protocol === 'https:' ? 443 : 80
  return `${hostname.replace(/^.*localhost$/, 'localhost')}:${port || usual}`
}

/** This machine has many names and addresses: whichever a server was first reached by, its port is the same. */
const portOf = (place: string) => place.slice(place.lastIndexOf(':'))
const atPort = (owners: Record<string, number>, place: string) =>
  Object.entries(owners).filter(([other]) => portOf(other) === portOf(place))

/** @throws UserError where that cannot be told: what is damaged is not what was never there */
function firstOf(files: (string | undefined)[], place: string, who: string): number | undefined {
  for (const file of files) {
    if (file === undefined) continue
    const fail = (problem: string) =>
      new UserError(
        'server_foreign',
        `What listens at ${place} is run by ${who}, and whose server it was before cannot be told: ${file} ${problem}. No key was sent.`,
        {
          remedy: `End what holds the port. If ${who} is to run the server, ${naming(who)}, and delete ${file}.`,
        },
      )
    let read: ReturnType<typeof readOwners>
    try {
      read = readOwners(file)
    } catch (error) {
      throw fail(`cannot be read (${(error as Error).message})`)
    }
    if (!read.ok && read.reason === 'damaged') throw fail('is damaged')
    const uids = new Set(read.ok ? atPort(read.value.owners, place).map(([, uid]) => uid) : [])
    if (uids.size > 1) throw fail('names several users for its port')
    const [uid] = uids
    if (uid !== undefined) return uid
  }
  return undefined
}

const readOwners = (file: string) => readJson(file, Owners)

/** Who ran a server of this machine when it was enrolled there. Undefined also where that cannot be told. */
export function enrolledOwner(file: string, url: string): number | undefined {
  try {
    return firstOf([file], placeOf(url), '')
  } catch {
    return undefined
  }
}

/** Writes down whose server a machine was enrolled at, in place of who ran one on that port before. @throws the system's error */
export function pinOwner(file: string, url: string, uid: number) {
  const read = readOwners(file)
  // What is damaged may have said whose other servers are.
  if (!read.ok && read.reason === 'damaged') return
  const place = placeOf(url)
  const others = Object.entries(read.ok ? read.value.owners : {})
  // Root may enroll what another user runs.
  write(file, [...others.filter(([other]) => portOf(other) !== portOf(place)), [place, uid]], 0o644)
}

function remember(file: string, place: string, uid: number) {
  try {
    if (isOpenToOthers(dirname(file))) return
    ensurePrivateDir(dirname(file))
    const read = readOwners(file)
    if (read.ok ? atPort(read.value.owners, place).length > 0 : read.reason === 'damaged') return
    write(file, [...Object.entries(read.ok ? read.value.owners : {}), [place, uid]], 0o600)
  } catch {
    // On a disk that is full or read-only, the next connection is the first again.
  }
}

function write(file: string, owners: [string, number][], mode: number) {
  const kept = Object.fromEntries(owners.slice(-MOST_PLACES))
  writeAtomic(file, JSON.stringify({ version: 1, owners: kept }), { mode, durable: true })
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
