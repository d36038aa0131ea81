import { gunzipSync } from 'node:zlib'
import { Hono } from 'hono'
import { consoleFiles } from '../console/console-files.ts'
import { HttpError } from '../http-error.ts'
import { acceptsGzip } from './gzip.ts'

/** Permits the console to load files of the hub, and images from its own memory. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "connect-src 'self'",
  "manifest-src 'self'",
  "worker-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  'trusted-types fomular-worker fomular-highlighter',
].join('; ')

const HEADERS = {
  'content-security-policy': POLICY,
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
  'permissions-policy': 'camera=(), microphone=(), geolocation=()',
}

/** `cache-control` of files whose names contain their hashes. */
const FOREVER = 'public, max-age=31536000, immutable'

/** Paths of the console's files. */
const FILES = [
  '/',
  '/assets/:name',
  '/icon.svg',
  '/icon-192.png',
  '/icon-512.png',
  '/manifest.webmanifest',
  '/worker.js',
]

/** Returns the routes of the console's files. They need no key, because the files contain no data. */
export function consoleRoutes(): Hono {
  const app = new Hono()
  for (const path of FILES)
    app.get(path, async (c) => {
      const name = c.req.path === '/' ? 'index.html' : c.req.path.slice(1)
      const files = await consoleFiles()
      const file = files && Object.hasOwn(files, name) ? files[name] : undefined
      if (!file) throw new HttpError(404, 'not_found', `The console has no file ${name}.`)
      const headers = {
        ...HEADERS,
        etag: `W/"${file.hash}"`,
        'cache-control': name.startsWith('assets/') ? FOREVER : 'no-cache',
        vary: 'accept-encoding',
      }
      if (c.req.header('if-none-match') === headers.etag) return c.body(null, 304, headers)
      const packed = Buffer.from(file.gzip, 'base64')
      const body = acceptsGzip(c) ? packed : gunzipSync(packed)
      return c.body(new Uint8Array(body), 200, {
        ...headers,
        'content-type': file.type,
        ...(body === packed && { 'content-encoding': 'gzip' }),
      })
    })
  return app
}
