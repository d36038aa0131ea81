import {
  closeSync,
  constants,
  createReadStream,
  fstatSync,
  openSync,
  readFileSync,
  realpathSync,
} from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { Context } from 'hono'
import { shortageIn } from '../../platform/errors.ts'
import { HttpError } from '../http-error.ts'

/**
 * Paths in a release folder, as made by `packaging/release.ts`: no hidden files and nothing outside the
 * folder.
 */
const PATH = /^[A-Za-z0-9_][A-Za-z0-9._+-]*(\/[A-Za-z0-9_][A-Za-z0-9._+-]*)?$/
/** Path prefix under which a proxy serves the hub. */
const PREFIX = /^(\/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$/
/** A host, with or without a port, that is safe between single quotes in a shell script. */
const HOST = /^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?$/

const missing = (what: string) =>
  new HttpError(404, 'not_found', `This hub has no ${what}.`, {
    remedy: "Run `npm run release`, and put its output in `releases` in the hub's folder.",
  })

/** `GET /install.sh`: returns the installer, configured to install from this hub and connect to it. */
export function installer(c: Context, dir: string): Response {
  const address = addressOf(c)
  const found = openPlain(dir, 'install.sh')
  if (!found) throw missing('installer')
  let script: string
  try {
    script = readFileSync(found.fd, 'utf8')
  } finally {
    closeSync(found.fd)
  }
  const set = (text: string, name: string, value: string) =>
    text.replace(new RegExp(`^( *${name}=).*$`, 'm'), `$1'${value}'`)
  const text = set(set(script, 'DEFAULT_BASE_URL', `${address}/releases`), 'DEFAULT_SERVER_URL', address)
  return c.body(text, 200, {
    'content-type': 'text/x-shellscript; charset=utf-8',
    'cache-control': 'no-store',
  })
}

/**
 * Returns the address at which this request reached the hub. @throws HttpError if the address is not safe in
 * a shell script
 */
function addressOf(c: Context): string {
  const host = c.req.header('host') ?? ''
  if (!HOST.test(host)) throw new HttpError(400, 'invalid_request', 'The Host header is not a valid host.')
  // Proxies may end TLS or remove a path prefix. With several proxies, the first value counts.
  const first = (name: string) => (c.req.header(name) ?? '').split(',')[0]?.trim() ?? ''
  const secure =
    first('x-forwarded-proto').toLowerCase() === 'https' || new URL(c.req.url).protocol === 'https:'
  const prefix = first('x-forwarded-prefix').replace(/\/+$/, '')
  return `${secure ? 'https' : 'http'}://${host}${PREFIX.test(prefix) ? prefix : ''}`
}

/** `GET /releases/…`: returns a file, or its remaining bytes to resume a download (`Range: bytes=N-`). */
export function releaseFile(c: Context, dir: string): Response {
  const name = c.req.path.slice('/releases/'.length)
  const found = PATH.test(name) ? openPlain(dir, name) : undefined
  if (!found) throw missing(`release file ${name.slice(0, 200)}`)
  const { fd, stats } = found
  const bodiless = (init: object) => {
    closeSync(fd)
    return new Response(null, init)
  }
  const etag = `"${stats.size}-${Math.round(stats.mtimeMs)}"`
  const headers = {
    'content-type': name.endsWith('.json') ? 'application/json' : 'application/octet-stream',
    'accept-ranges': 'bytes',
    etag,
  }
  const [, from] = /^bytes=(\d+)-$/.exec(c.req.header('range') ?? '') ?? []
  const wholly = from === undefined || (c.req.header('if-range') ?? etag) !== etag
  const start = wholly ? 0 : Number(from)
  if (start > 0 && start >= stats.size)
    return bodiless({ status: 416, headers: { ...headers, 'content-range': `bytes */${stats.size}` } })
  const length = { 'content-length': String(stats.size - start) }
  const rest = { 'content-range': `bytes ${start}-${stats.size - 1}/${stats.size}` }
  const init = { status: wholly ? 200 : 206, headers: { ...headers, ...length, ...(!wholly && rest) } }
  if (c.req.method === 'HEAD') return bodiless(init)
  return new Response(Readable.toWeb(createReadStream('', { fd, start })) as ReadableStream, init)
}

/**
 * Opens a regular file in the folder of releases. Anyone may read these files. Does not follow symbolic
 * links, which could lead to the hub's keys.
 * @throws HttpError if too many files are open
 */
function openPlain(dir: string, name: string) {
  let fd: number | undefined
  try {
    const path = join(realpathSync(dir), name)
    if (realpathSync(path) !== path) return undefined
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW)
    const stats = fstatSync(fd)
    if (stats.isFile()) return { fd, stats }
  } catch (error) {
    if (shortageIn(error))
      throw new HttpError(503, 'busy', 'The hub has too many files open.', { remedy: 'Try again soon.' })
    // Otherwise the file is missing or unreadable.
  }
  if (fd !== undefined) closeSync(fd)
  return undefined
}
