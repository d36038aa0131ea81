import { createHash, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { hostname } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import * as z from 'zod/mini'
import { homeOf } from '../../config/home.ts'
import { forgetIdentity, keepIdentity, keptIdentity } from '../../config/kept-identity.ts'
import { isContainerSecret, missingKey, readKey } from '../../config/key.ts'
import { labelText } from '../../config/labels.ts'
import { statePaths } from '../../config/paths.ts'
import { foreignError, isStrictByEnvironment } from '../../config/refuse-foreign.ts'
import { pinOwner, serversBeside } from '../../config/server-owner.ts'
import { serverUrl } from '../../config/server-url.ts'
import { writeConfig } from '../../config/write.ts'
import { reasonOf, UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import { readJson, writeAtomic } from '../../platform/files.ts'
import { faultsOf } from '../../platform/ownership.ts'
import { readAtMost } from '../../platform/read-at-most.ts'
import { check, type Enrolling, exchange } from './exchange.ts'
import { type Present, presentEnrolment } from './present.ts'

/**
 * Maximum wait for the token file, in ms. The file may be a pipe from a program that asks for a passphrase
 * first.
 */
const PIPE_MS = 5 * 60_000
const KEY_PREFIX = 'fmk_'
const KEY_BYTES = 32
const KEY_ID_CHARS = 12
/** Maximum size of a token file, in bytes. */
const FILE_BYTES = 8192

export interface EnrollOptions {
  serverUrl: string
  tokenFile?: string
  tokenStdin?: boolean
  keyFile?: string
  withKey?: string
  config?: string
  caFile?: string
  allowInsecure?: boolean
  /** Labels, as in the setting `label`. */
  label?: string
  force?: boolean
}

export interface Enrolled {
  server_url: string
  /** The machine's name at the hub; absent if the machine brought its own key. */
  name?: string
  key_file: string
  config: string
  /** True if the hub accepts the existing key, which then remains in use. */
  already: boolean
  /** Id of the new key at the hub: a prefix of its hash. */
  key_id?: string
  /**
   * This machine's id, if the hub knows the machine by another key and does not accept the new key for this
   * machine yet.
   */
  unbound?: string
}

/**
 * Gets this machine a key that the hub accepts, and writes the server and the key file to the
 * configuration.
 * @throws UserError
 */
export async function enroll(options: EnrollOptions): Promise<Enrolled> {
  const { env } = process
  const insecure = options.allowInsecure ?? false
  const server_url = serverUrl(options.serverUrl, '--server-url', insecure)
  const ca = options.caFile === undefined ? undefined : resolve(options.caFile)
  const config = resolve(options.config ?? (env.FOMULAR_CONFIG || join(homeOf(env), '.fomular/config.toml')))
  const key_file = resolve(options.withKey ?? options.keyFile ?? join(dirname(config), 'key'))
  const settings: Record<string, string | boolean> = {
    server_url,
    key_file,
    ...(insecure && { allow_insecure: true }),
    ...(ca !== undefined && { ca_file: ca }),
    ...(options.label !== undefined && {
      label: labelText(options.label, { name: '--label', base: process.cwd() }),
    }),
  }
  checkPlaces(config, [key_file, ca])
  if (options.withKey !== undefined) {
    readKey([{ name: '--with-key', file: key_file }], missingKey())
    mkdirSync(dirname(config), { recursive: true, mode: 0o700 })
    await writeConfig(config, settings)
    return { server_url, key_file, config, already: false }
  }
  const token = readToken(options)
  const present = options.force ? undefined : await presentEnrolment(config)
  if (present && present.server_url !== server_url) throw elsewhere(present.server_url)
  const servers = serversBeside(config)
  const at = { server: server_url, caFile: ca, servers }
  const known = present && (await knownAs(present, at, token))
  if (present && known) {
    // The configured file may no longer exist: older installers configured a temporary file.
    const { label } = settings
    const changed = {
      ...(ca !== undefined && ca !== present.ca_file && { ca_file: ca }),
      ...(label !== undefined && { label }),
    }
    if (Object.keys(changed).length > 0) await writeConfig(config, changed)
    return { server_url, ...known, key_file: present.key_file, config, already: true }
  }
  const key = KEY_PREFIX + randomBytes(KEY_BYTES).toString('base64url')
  // Store the key first: the token works only once, and is wasted if the key cannot be stored.
  const pending = `${key_file}.new`
  for (const path of [config, key_file]) mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  writeAtomic(pending, `${key}\n`, { durable: true })
  try {
    const before = present ?? (await presentEnrolment(config))
    // Do not send a server the key for another server.
    const shown = before?.server_url === server_url ? before : undefined
    const same = shown && identityOf(shown)
    const request = {
      token,
      key_sha256: sha256(key),
      hostname: hostname(),
      ...(same && { machine_id: same.machine_id }),
    }
    const { name, bound, owner } = await exchange(at, request, shown?.key)
    await commit(pending, { config, key_file, settings, leaves: before?.server_url !== server_url })
    if (same) keepIdentity({ key, file: key_file }, same.machine_id, same.state_dir)
    else forgetIdentity(key_file)
    if (owner !== undefined) pinOwner(servers, server_url, owner)
    return {
      server_url,
      name,
      key_file,
      config,
      already: false,
      key_id: sha256(key).slice(0, KEY_ID_CHARS),
      ...(bound === false && { unbound: same!.machine_id }),
    }
  } finally {
    rmSync(pending, { force: true })
  }
}

/**
 * Puts the new key and the settings in place. A machine that changes servers has no key until both are in
 * place. Otherwise, if this process ended in between, the daemon would send one server the key for the other
 * server.
 */
async function commit(
  pending: string,
  {
    config,
    key_file,
    settings,
    leaves,
  }: {
    config: string
    key_file: string
    settings: Record<string, string | boolean>
    leaves: boolean
  },
) {
  const previous = `${key_file}.before`
  const moves = leaves && existsSync(key_file)
  if (moves) renameSync(key_file, previous)
  try {
    await writeConfig(config, settings)
  } catch (error) {
    if (moves) renameSync(previous, key_file)
    throw error
  }
  renameSync(pending, key_file)
  // An interrupted enrollment may have left this copy of the previous key.
  rmSync(previous, { force: true })
}

/**
 * Returns the identity that the daemon recorded next to the previous key. This machine keeps the identity
 * when it gets a new key. A machine whose `machine.json` was deleted becomes a new machine.
 */
function identityOf({ key, key_file }: Present): { machine_id: string; state_dir: string } | undefined {
  const kept = keptIdentity({ key, file: key_file })
  if (!kept) return undefined
  try {
    const read = readJson(statePaths(kept.state_dir).machine, z.object({ machine_id: z.string() }))
    return read.ok && read.value.machine_id === kept.machine_id ? kept : undefined
  } catch {
    // The state folder belongs to another user.
    return undefined
  }
}

/**
 * Returns what the hub knows about this machine's key; undefined if the hub does not accept the key. @throws
 * UserError if the hub accepts neither the key nor the token
 */
async function knownAs(present: Present, at: Enrolling, token: string) {
  const { key } = present
  const same = identityOf(present)
  try {
    const request = { token, key_sha256: sha256(key), ...(same && { machine_id: same.machine_id }) }
    const { enrolled, name } = await check(at, request)
    return enrolled ? { ...(name !== undefined && { name }) } : undefined
  } catch (error) {
    if (!(error instanceof UserError) || error.code !== 'not_found') throw error
    // An older hub can check the token only by using it. A token that was already used for this key can be
    // used again for this key.
    const { name } = await exchange(at, { token, key_sha256: sha256(key), hostname: hostname() })
    return { name }
  }
}

/**
 * Refuses to write the key and the settings to files that other users can change. For an existing
 * configuration, checks only the owners: the daemon checks the modes.
 * @throws UserError
 */
function checkPlaces(config: string, others: (string | undefined)[]) {
  if (!isStrictByEnvironment(process.env)) return
  const isNew = !existsSync(config)
  const places = [config, ...others].filter((path) => path !== undefined && !isContainerSecret(path))
  const fault = places.flatMap((path) => faultsOf(path!)).find(({ kind }) => kind === 'owner' || isNew)
  if (fault) throw foreignError(fault)
}

const elsewhere = (server: string) =>
  new UserError(
    'enrolled_elsewhere',
    `This machine is already enrolled at ${server.replace(/^ws/, 'http')}.`,
    {
      remedy: 'To move this machine to this hub, add --force.',
      exitCode: EXIT.refused,
    },
  )

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

function readToken({ tokenFile, tokenStdin }: EnrollOptions): string {
  const { FOMULAR_ENROLL_TOKEN: given } = process.env
  delete process.env.FOMULAR_ENROLL_TOKEN
  let text = given
  try {
    if (tokenStdin) text = readFileSync(0, 'utf8')
    else if (tokenFile !== undefined) text = readAtMost(tokenFile, FILE_BYTES, PIPE_MS).text
  } catch (error) {
    throw usage(
      `The token ${tokenStdin ? 'on standard input' : `in ${tokenFile}`} cannot be read: ${reasonOf(error)}`,
    )
  }
  const token = text?.trim() ?? ''
  if (token === '') throw usage('No token was given.')
  if (!/^[\x21-\x7e]{1,512}$/.test(token))
    throw usage('The token is too long or contains invalid characters.')
  return token
}

const usage = (message: string) =>
  new UserError('token_missing', message, {
    remedy: 'Give the token in FOMULAR_ENROLL_TOKEN, with --token-file FILE, or with --token-stdin.',
    exitCode: EXIT.usage,
  })
