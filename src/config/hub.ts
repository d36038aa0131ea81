import { closeSync, existsSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import * as z from 'zod/mini'
import { UserError } from '../platform/errors.ts'
import { livingWriter } from '../platform/lock-holder.ts'
import { openOwned, readOwned } from '../platform/owned.ts'
import { userOf } from '../platform/process-list.ts'
import { isForeign } from '../platform/sockets.ts'
import { boundedJson } from '../protocol/bounded-json.ts'
import { type KeySource, readKey } from './key.ts'
import { stateDir, statePaths } from './paths.ts'
import { isLoopback } from './server-url.ts'

const HUB_PORT = 3001
/** A key is a line, and a record a few. */
const FILE_BYTES = 4096

/** `hub.json` in a hub's folder: where it listens, and which process it is. */
export const HubRecord = z.object({
  version: z.literal(1),
  url: z.string(),
  pid: z.int(),
  start: z.string(),
  boot_id: z.string(),
  /** Of its certificate, as Node writes it. Absent without TLS, and from older hubs. */
  fingerprint256: z.optional(z.string()),
  /** It listens on `hub.sock` beside this file as well. Absent from older hubs. */
  socket: z.optional(z.boolean()),
})
type HubRecord = z.infer<typeof HubRecord>

/** What is where in a hub's folder. */
export const hubFiles = (dir: string) => ({
  /** What machines connect with. */
  machineKey: join(dir, 'machine.key'),
  /** What people and programs use the API with. */
  userKey: join(dir, 'user.key'),
  /** A running hub's `HubRecord`. */
  record: join(dir, 'hub.json'),
  /** For programs of its user, and of root, on this machine. */
  socket: join(dir, 'hub.sock'),
})

export interface HubFlags {
  hub?: string | undefined
  hubKeyFile?: string | undefined
  stateDir?: string | undefined
}

export interface HubAddress {
  /** http(s)://host:port, without a slash at its end. */
  url: string
  key: string
  /** Of the hub that this state folder tells of. */
  listens?: Listening | undefined
  /** The Unix socket of that hub. */
  socket?: string | undefined
  /** uid of the folder's owner, where the key is that of this folder: no other user's hub is shown it. */
  owner?: number | undefined
}

export interface Listening {
  /** As it was told to: perhaps on every address. */
  url: string
  /** Of its certificate, which no authority need vouch for here, nor for the name by which it is reached from here. */
  fingerprint256?: string | undefined
}

/** The port for a hub: `FOMULAR_HUB_PORT`, else 3001. @throws UserError */
export function hubPort(env: NodeJS.ProcessEnv): number {
  if (!env.FOMULAR_HUB_PORT) return HUB_PORT
  const port = Number(env.FOMULAR_HUB_PORT)
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port
  throw new UserError('config_invalid', `FOMULAR_HUB_PORT is "${env.FOMULAR_HUB_PORT}", which is no port.`, {
    remedy: 'Use a number from 1 to 65535, or unset it.',
    exitCode: 2,
  })
}

/** How a hub that listens on every address is reached from its own machine. */
export const fromHere = (url: string) => url.replace(/\/\/(0\.0\.0\.0|\[::\])(?=[:/]|$)/, '//127.0.0.1')

/**
 * Which hub to talk to, and with which key: as told, else the one of this state folder.
 * @throws UserError when there is no key for it
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
  // This machine's own key is for this machine's own hub: it is not shown to another.
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
      // Over TLS, the certificate says which hub it is.
      ...(record.socket && record.fingerprint256 === undefined && { socket: files.socket }),
    }),
  }
}

/** The record of the hub in a folder, while the process that it names runs, as the folder's owner or as root. */
export function livingHub(dir: string): HubRecord | undefined {
  const path = hubFiles(dir).record
  const text = readOwned(path, FILE_BYTES)
  const read = HubRecord.safeParse(text === undefined ? undefined : boundedJson(text))
  if (!read.success || !livingWriter(read.data, path)) return undefined
  const runsAs = userOf(read.data.pid)
  return runsAs === undefined || runsAs === ownerOf(dir) || runsAs === 0 ? read.data : undefined
}

/** @throws UserError where this user may not read a file */
function refuseUnreadable(path: string) {
  try {
    closeSync(openOwned(path))
  } catch (error) {
    if (error instanceof UserError) throw error
  }
}

/** uid of the only user whose hub a machine's key is for, where its file is in the folder of a hub of this machine. */
export function ownerOfKey(file: string | undefined): number | undefined {
  if (file === undefined || !existsSync(hubFiles(dirname(file)).userKey)) return undefined
  return ownerOf(dirname(file))
}

const ownerOf = (dir: string) => statSync(dir, { throwIfNoEntry: false })?.uid

/** The hub's folder is in a state folder, or is what was named itself. */
function hubDir(dir: string): string {
  const { dir: named, hub } = statePaths(dir)
  return !existsSync(hub) && existsSync(hubFiles(named).userKey) ? named : hub
}

const OWN = 'the state folder'

/** In another user's folder, what is read must be that user's: it is shown to a hub of that user. */
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
    // Said below.
  }
  if (url && /^https?:$/.test(url.protocol)) return url
  throw new UserError('config_invalid', `${source}: "${text}" is not a hub's address.`, {
    remedy: 'Use http://host:port or https://host.',
    exitCode: 2,
  })
}

const missingHubKey = (url: string, local: boolean) =>
  local
    ? new UserError('hub_not_found', 'No hub was found on this machine.', {
        remedy: 'Start one with `fomular-daemon up`, or name another with --hub URL and --hub-key-file FILE.',
      })
    : new UserError('key_missing', `No key for the hub at ${url} was given.`, {
        remedy:
          "Give its user key (user.key in the hub's folder) with --hub-key-file FILE or FOMULAR_HUB_KEY_FILE.",
        exitCode: 2,
      })
