import { execFileSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import * as z from 'zod/mini'
import { UserError } from '../platform/errors.ts'
import { EXIT } from '../platform/exit-codes.ts'
import { ensurePrivateDir, readJson, writeAtomic } from '../platform/files.ts'
import { isOpenToOthers } from '../platform/sockets.ts'
import { trustedEnvironment } from '../platform/trusted-path.ts'

/** `servers.json`: for each address on this machine, the user who ran the server there at the first connection. */
const Owners = z.object({ version: z.literal(1), owners: z.record(z.string(), z.int()) })
/** Maximum number of addresses to remember. */
const MOST_PLACES = 64
/** Time limit for a directory service to find a user, in milliseconds. */
const ANSWER_MS = 5000

export const serversFile = (dir: string) => join(dir, 'servers.json')
/** Returns the path of the file that `enroll` writes next to the configuration file. */
export const serversBeside = (config: string) => serversFile(dirname(config))

export interface OwnerRules {
  /** Path of `servers.json`, in a folder of this user. */
  file: string
  /** Path of the `servers.json` that `enroll` wrote, which takes precedence. */
  enrolled?: string | undefined
  /** `server_user` from the settings. */
  user?: string | undefined
  /** uid of the user to whom the key belongs. */
  owner?: number | undefined
  /** True to record nothing. */
  looksOnly?: boolean
  /**
   * Shows the user a notice. If this function is absent, a server without an earlier connection is refused
   * with `server_unknown`.
   */
  notice?(text: string): void
  /** Called with the uid of a server that may see the key. */
  shown?(uid: number): void
}

/**
 * Checks that a server on this machine may see a key. The server's user must be this user, root,
 * `server_user`, or the user of the first server on the same port, at any address.
 * @param url address of the server
 * @throws UserError if another user runs the server
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
  const runBy = `The server at ${place} is run by ${who}, not by root or this user.`
  if (isNew && !notice)
    throw new UserError(
      'server_unknown',
      `${runBy} No earlier connection shows who should run the server, so no key was sent.`,
      {
        remedy: `If ${who} should run the server, start the daemon. From then on, the daemon sends the key there only if ${who}, root, or this user runs the server. If not, end the program that holds the port.`,
      },
    )
  if (isNew && notice && !isOpenToOthers(dirname(file))) {
    if (!looksOnly) remember(file, place, uid)
    return notice(
      `${runBy} From now on, the key is sent there only if ${who}, root, or this user runs the server. To allow only a certain user, set server_user.`,
    )
  }
  throw new UserError(
    'server_foreign',
    `The program listening at ${place} is run by ${who}, who is not the server's user: no key was sent.`,
    {
      remedy: `Start the server, and end the program that holds its port. If ${who} should run the server, ${naming(who)}.`,
    },
  )
}

/**
 * Returns the remedy. The environment variable overrides the configuration file. If the variable is set, for
 * example by `service install`, the remedy does not mention the file.
 */
const naming = (who: string) =>
  `set FOMULAR_SERVER_USER=${who}${process.env.FOMULAR_SERVER_USER ? '' : ', or server_user in the configuration file'}`

function placeOf(url: string): string {
  const { hostname, port, protocol } = new URL(url)
  const usual = protocol === 'wss:' || protocol === 'https:' ? 443 : 80
  return `${hostname.replace(/^.*localhost$/, 'localhost')}:${port || usual}`
}

/** Servers on this machine are distinguished by port, because the machine has many names and addresses. */
const portOf = (place: string) => place.slice(place.lastIndexOf(':'))
const atPort = (owners: Record<string, number>, place: string) =>
  Object.entries(owners).filter(([other]) => portOf(other) === portOf(place))

/** @throws UserError if a file is damaged or ambiguous; a missing file is no error */
function firstOf(files: (string | undefined)[], place: string, who: string): number | undefined {
  for (const file of files) {
    if (file === undefined) continue
    const fail = (problem: string) =>
      new UserError(
        'server_foreign',
        `The program listening at ${place} is run by ${who}, and no record shows who ran the server before: ${file} ${problem}. No key was sent.`,
        {
          remedy: `End the program that holds the port. If ${who} should run the server, ${naming(who)}, and delete ${file}.`,
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

/** Returns the uid that ran a server of this machine at the time of enrollment; undefined if unknown. */
export function enrolledOwner(file: string, url: string): number | undefined {
  try {
    return firstOf([file], placeOf(url), '')
  } catch {
    return undefined
  }
}

/**
 * Records which user ran the server where a machine enrolled, and replaces the earlier user of that port.
 * @throws the system's error
 */
export function pinOwner(file: string, url: string, uid: number) {
  const read = readOwners(file)
  // A damaged file may have named the users of other servers.
  if (!read.ok && read.reason === 'damaged') return
  const place = placeOf(url)
  const others = Object.entries(read.ok ? read.value.owners : {})
  // Root may enroll a daemon that another user runs. This daemon must be able to read the file.
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
    // If the disk is full or read-only, the next connection counts as the first again.
  }
}

function write(file: string, owners: [string, number][], mode: number) {
  const kept = Object.fromEntries(owners.slice(-MOST_PLACES))
  writeAtomic(file, JSON.stringify({ version: 1, owners: kept }), { mode, durable: true })
}

/** @throws UserError if there is no such user */
function uidOf(user: string): number {
  if (/^\d+$/.test(user)) return Number(user)
  const uid = ask(['id', '-u', '--', user])
  if (uid !== undefined && /^\d+$/.test(uid)) return Number(uid)
  throw new UserError('config_invalid', `server_user: there is no user ${user}.`, {
    remedy: 'Name an existing user, or give the number of a user.',
    exitCode: EXIT.usage,
  })
}

const nameOf = (uid: number) => ask(['id', '-un', String(uid)]) || `user ${uid}`

function ask([program, ...args]: [string, ...string[]]): string | undefined {
  try {
    return execFileSync(program, args, {
      encoding: 'utf8',
      env: trustedEnvironment(),
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: ANSWER_MS,
    }).trim()
  } catch {
    return undefined
  }
}
