import { closeSync, existsSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import * as z from 'zod/mini'
import { UserError } from '../platform/errors.ts'
import { EXIT } from '../platform/exit-codes.ts'
import { livingWriter } from '../platform/lock-holder.ts'
import { openOwned, readOwned } from '../platform/open-owned.ts'
import { userOf } from '../platform/process-list.ts'
import { isForeign } from '../platform/sockets.ts'
import { boundedJson } from '../protocol/bounded-json.ts'
import { type KeySource, readKey } from './key.ts'
import { stateDir, statePaths } from './paths.ts'
import { isLoopback } from './server-url.ts'

const HUB_PORT = 3001
/** Maximum size of a key or a record, in bytes: a key has one line, and a record has a few lines. */
const FILE_BYTES = 4096

/** `hub.json` in a hub's folder: the hub's address and process. */
export const HubRecord = z.object({
  version: z.literal(1),
  url: z.string(),
  pid: z.int(),
  start: z.string(),
  boot_id: z.string(),
  /** Fingerprint of the hub's certificate, as Node formats it. Absent without TLS, and from older hubs. */
  fingerprint256: z.optional(z.string()),
  /** True if the hub also listens on `hub.sock` next to this file. Absent from older hubs. */
  socket: z.optional(z.boolean()),
})
type HubRecord = z.infer<typeof HubRecord>

/** Returns the paths of the files in a hub's folder. */
export const hubFiles = (dir: string) => ({
  /** Key that machines connect with. */
  machineKey: join(dir, 'machine.key'),
  /** Key that people and programs use the API with. */
  userKey: join(dir, 'user.key'),
  /** A running hub's `HubRecord`. */
  record: join(dir, 'hub.json'),
  /** Socket for programs on this machine that run as the hub's user or as root. */
  socket: join(dir, 'hub.sock'),
})

export interface HubFlags {
  hub?: string | undefined
  hubKeyFile?: string | undefined
  stateDir?: string | undefined
}

export interface HubAddress {
  /** http(s)://host:port, without a trailing slash. */
  url: string
  key: string
  /** Address and certificate of the hub that runs in this state folder. */
  listens?: Listening | undefined
  /** The Unix socket of that hub. */
  socket?: string | undefined
  /** uid of the folder's owner, if the key comes from this folder: no other user's hub may see this key. */
  owner?: number | undefined
}

export interface Listening {
  /** Address from the hub's settings. It may stand for all addresses of the machine. */
  url: string
  /**
   * Fingerprint of the hub's certificate. On this machine, the certificate needs neither an authority nor a
   * name that matches the address.
   */
  fingerprint256?: string | undefined
}

/** Returns the port for a hub: `FOMULAR_HUB_PORT`, else 3001. @throws UserError */
export function hubPort(env: NodeJS.ProcessEnv): number {
  if (!env.FOMULAR_HUB_PORT) return HUB_PORT
  const port = Number(env.FOMULAR_HUB_PORT)
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port
  throw new UserError(
    'config_invalid',
    `FOMULAR_HUB_PORT is "${env.FOMULAR_HUB_PORT}", which is not a port.`,
    {
      remedy: 'Use a number from 1 to 65535, or unset FOMULAR_HUB_PORT.',
      exitCode: EXIT.usage,
    },
  )
}

/** Returns the address at which this machine reaches its own hub if the hub listens on all addresses. */
export const fromHere = (url: string) => url.replace(/\/\/(0\.0\.0\.0|\[::\])(?=[:/]|$)/, '//127.0.0.1')

/**
 * Finds the hub to talk to, and its key: from flags or variables, or else from this state folder.
 * @throws UserError if there is no key for the hub
 */
export function findHub({ flags, env }: { flags: HubFlags; env: NodeJS.ProcessEnv }): HubAddress {
  const dir = hubDir(flags.stateDir ?? stateDir(env))
  const files = hubFiles(dir)
  const told = flags.hub ?? (env.FOMULAR_HUB_URL || undefined)
  if (told === undefined) refuseUnreadable(files.record)
  const record = told === undefined ? livingHub(dir) : undefined
  const url = told ?? (record ? fromHere(record.url) : `http://127.0.0.1:${hubPort(env)}`)
  const parsed = parse(url, flags.hub === undefined ? 'FOMULAR_HUB_URL' : '--hub')

  const sources: KeySource[] = []
  if (flags.hubKeyFile !== undefined) sources.push({ name: '--hub-key-file', file: flags.hubKeyFile })
  if (env.FOMULAR_HUB_KEY) sources.push({ name: 'FOMULAR_HUB_KEY', key: env.FOMULAR_HUB_KEY })
  if (env.FOMULAR_HUB_KEY_FILE) sources.push({ name: 'FOMULAR_HUB_KEY_FILE', file: env.FOMULAR_HUB_KEY_FILE })
  // This machine's own key is only for a hub on this machine.
  if ((told === undefined || isLoopback(parsed.hostname)) && existsSync(files.userKey))
    sources.push(ownKey(files.userKey))
  const isOwn = sources[0]?.name === OWN
  const { key } = readKey(sources, missingHubKey(parsed.origin, told === undefined), env)
  return {
    url: parsed.href.replace(/\/+$/, ''),
    key,
    ...(isOwn && { owner: ownerOf(dir) }),
    ...(record && {
      listens: { url: record.url, fingerprint256: record.fingerprint256 },
      // Over TLS, the certificate identifies the hub.
      ...(record.socket && record.fingerprint256 === undefined && { socket: files.socket }),
    }),
  }
}

/**
 * Returns the record of the hub in a folder if the hub's process is running as the folder's owner or as root.
 */
export function livingHub(dir: string): HubRecord | undefined {
  const path = hubFiles(dir).record
  const text = readOwned(path, FILE_BYTES)
  const read = HubRecord.safeParse(text === undefined ? undefined : boundedJson(text))
  if (!read.success || !livingWriter(read.data, path)) return undefined
  const runsAs = userOf(read.data.pid)
  return runsAs === undefined || runsAs === ownerOf(dir) || runsAs === 0 ? read.data : undefined
}

/** @throws UserError if this user may not read the file */
function refuseUnreadable(path: string) {
  try {
    closeSync(openOwned(path))
  } catch (error) {
    if (error instanceof UserError) throw error
  }
}

/** Returns the uid of the only user whose hub may see a key, if the key's file is in a hub's folder. */
export function ownerOfKey(file: string | undefined): number | undefined {
  if (file === undefined || !existsSync(hubFiles(dirname(file)).userKey)) return undefined
  return ownerOf(dirname(file))
}

const ownerOf = (dir: string) => statSync(dir, { throwIfNoEntry: false })?.uid

/** Returns the hub's folder: the hub folder in the state folder, or the named folder itself. */
function hubDir(dir: string): string {
  const { dir: named, hub } = statePaths(dir)
  return !existsSync(hub) && existsSync(hubFiles(named).userKey) ? named : hub
}

const OWN = 'the state folder'

/** Returns the key in the state folder. In another user's folder, the key's file must belong to that user. */
function ownKey(file: string): KeySource {
  const name = OWN
  return isForeign(dirname(file))
    ? { name, key: readOwned(file, FILE_BYTES) ?? '', literal: true }
    : { name, file }
}

function parse(text: string, source: string): URL {
  let url: URL | undefined
  try {
    url = new URL(text.replace(/^ws(s?):/, 'http$1:'))
  } catch {
    // Reported below.
  }
  if (url && /^https?:$/.test(url.protocol)) return url
  throw new UserError('config_invalid', `${source}: "${text}" is not a hub's address.`, {
    remedy: 'Use http://host:port or https://host.',
    exitCode: EXIT.usage,
  })
}

const missingHubKey = (url: string, local: boolean) =>
  local
    ? new UserError('hub_not_found', 'No hub was found on this machine.', {
        remedy:
          'Start a hub with `fomular-daemon up`, or name another hub with --hub URL and --hub-key-file FILE.',
      })
    : new UserError('key_missing', `No key for the hub at ${url} was given.`, {
        remedy:
          "Give the hub's user key (user.key in the hub's folder) with --hub-key-file FILE or FOMULAR_HUB_KEY_FILE.",
        exitCode: EXIT.usage,
      })
