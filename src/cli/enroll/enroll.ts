import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { hostname } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { homeOf } from '../../config/home.ts'
import { missingKey, readKey } from '../../config/key.ts'
import { serverUrl } from '../../config/server-url.ts'
import { writeConfig } from '../../config/write.ts'
import { reasonOf, UserError } from '../../platform/errors.ts'
import { writeAtomic } from '../../platform/files.ts'
import { readAtMost } from '../../platform/read-at-most.ts'
import type { EnrollOptions } from '../enroll.ts'
import { EXIT } from '../exit-codes.ts'
import { check, exchange } from './exchange.ts'
import { presentEnrolment } from './present.ts'

const KEY_PREFIX = 'fmk_'
const KEY_BYTES = 32
/** Maximum size of a token's file, in bytes. */
const FILE_BYTES = 8192

export interface Enrolled {
  server_url: string
  /** What the hub knows this machine by; not told where it had a key already. */
  name?: string
  key_file: string
  config: string
  /** The hub accepts the key that was here, which stays. */
  already: boolean
}

/** Gets this machine a key that the hub accepts, and writes down where both are. @throws UserError */
export async function enroll(options: EnrollOptions): Promise<Enrolled> {
  const { env } = process
  const insecure = options.allowInsecure ?? false
  const server_url = serverUrl(options.serverUrl, '--server-url', insecure)
  const ca = options.caFile === undefined ? undefined : resolve(options.caFile)
  const config = resolve(options.config ?? (env.FOMULAR_CONFIG || join(homeOf(env), '.fomular/config.toml')))
  const key_file = resolve(options.withKey ?? options.keyFile ?? join(dirname(config), 'key'))
  const settings = {
    server_url,
    key_file,
    ...(insecure && { allow_insecure: true }),
    ...(ca !== undefined && { ca_file: ca }),
  }
  if (options.withKey !== undefined) {
    readKey([{ name: '--with-key', file: key_file }], missingKey())
    mkdirSync(dirname(config), { recursive: true, mode: 0o700 })
    await writeConfig(config, settings)
    return { server_url, key_file, config, already: false }
  }
  const token = readToken(options)
  const present = options.force ? undefined : await presentEnrolment(config)
  if (present && present.server_url !== server_url) throw elsewhere(present.server_url)
  const known = present && (await knownAs(present.key, server_url, token, ca))
  if (present && known) {
    // The file that was named before may be gone: installers once named a temporary one.
    if (ca !== undefined && ca !== present.ca_file) await writeConfig(config, { ca_file: ca })
    return { server_url, ...known, key_file: present.key_file, config, already: true }
  }
  const key = KEY_PREFIX + randomBytes(KEY_BYTES).toString('base64url')
  // What cannot be kept is not asked for: the token is good once.
  const pending = `${key_file}.new`
  for (const path of [config, key_file]) mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  writeAtomic(pending, `${key}\n`, { durable: true })
  try {
    const request = { token, key_sha256: sha256(key), hostname: hostname() }
    const { name } = await exchange(server_url, request, ca)
    renameSync(pending, key_file)
    await writeConfig(config, settings)
    return { server_url, name, key_file, config, already: false }
  } finally {
    rmSync(pending, { force: true })
  }
}

/** Whether the hub accepts this machine's key, and what it calls the machine. @throws UserError where it takes neither key nor token */
async function knownAs(key: string, server: string, token: string, ca: string | undefined) {
  try {
    const { enrolled, name } = await check(server, { token, key_sha256: sha256(key) }, ca)
    return enrolled ? { ...(name !== undefined && { name }) } : undefined
  } catch (error) {
    if (!(error instanceof UserError) || error.code !== 'not_found') throw error
    // An older hub cannot be asked without using the token; one that was used for this key may be used for it again.
    return exchange(server, { token, key_sha256: sha256(key), hostname: hostname() }, ca)
  }
}

const elsewhere = (server: string) =>
  new UserError(
    'enrolled_elsewhere',
    `This machine is enrolled at ${server.replace(/^ws/, 'http')} already.`,
    {
      remedy: 'To have it leave that one for this one, add --force.',
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
    else if (tokenFile !== undefined) text = readAtMost(tokenFile, FILE_BYTES).text
  } catch (error) {
    throw usage(
      `The token ${tokenStdin ? 'on standard input' : `in ${tokenFile}`} cannot be read: ${reasonOf(error)}`,
    )
  }
  const token = text?.trim() ?? ''
  if (token === '') throw usage('No token was given.')
  if (!/^[\x21-\x7e]{1,512}$/.test(token)) throw usage('The token is not as the hub showed it.')
  return token
}

const usage = (message: string) =>
  new UserError('token_missing', message, {
    remedy: 'Give it in FOMULAR_ENROLL_TOKEN, with --token-file FILE, or with --token-stdin.',
    exitCode: EXIT.usage,
  })
