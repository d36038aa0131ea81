import type { Context } from 'hono'
import { SESSION_HEADER } from '../../protocol/index.ts'
import { HttpError } from '../http-error.ts'
import type { ShownSession } from '../registry/sessions.ts'

/** Content of the header. */
const SHOWN = /^([0-9a-f]{16})\.([\w-]{43})$/

/** Error code for requests that a page of another origin has caused. */
export const CROSS_SITE = 'cross_site'

const cookieName = (sessionId: string) => `fomular_session_${sessionId}`

/**
 * Returns the session that a request shows: `invalid` if its header is malformed, and undefined if it has no
 * such header.
 */
export function sessionShown(c: Context): ShownSession | 'invalid' | undefined {
  const header = c.req.header(SESSION_HEADER)
  if (header === undefined) return undefined
  const [, session_id, secret] = SHOWN.exec(header) ?? []
  if (session_id === undefined || secret === undefined) return 'invalid'
  const prefix = `${cookieName(session_id)}=`
  const cookies = (c.req.header('cookie') ?? '')
    .split(';')
    .map((cookie) => cookie.trim())
    .filter((cookie) => cookie.startsWith(prefix))
    .map((cookie) => cookie.slice(prefix.length))
  return { session_id, secret, cookies }
}

/** Lifetime of the cookie, in seconds: the maximum lifetime of a session. */
const COOKIE_S = 90 * 24 * 60 * 60

/**
 * Gives the cookie of a session to the browser, which keeps it when the person closes the browser: otherwise, an
 * app on a phone would ask for the key each time.
 * @param secure true if the browser uses TLS
 */
export function setSessionCookie(c: Context, sessionId: string, secret: string, secure: boolean) {
  const cookie = `${cookieName(sessionId)}=${secret}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${COOKIE_S}`
  c.header('set-cookie', secure ? `${cookie}; Secure` : cookie, { append: true })
}

/** Makes the browser delete the cookie of a session. */
export function dropSessionCookie(c: Context, sessionId: string) {
  const cookie = `${cookieName(sessionId)}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0`
  c.header('set-cookie', cookie, { append: true })
}

/**
 * Reports whether a page of another origin has caused a request. Browsers say so themselves at addresses that
 * they trust. At other addresses, the request's origin is compared with its host. A proxy may have replaced
 * the host, and then `X-Forwarded-Host` contains the original one.
 */
export function isCrossSite(c: Context): boolean {
  const site = c.req.header('sec-fetch-site')
  if (site !== undefined) return site !== 'same-origin' && site !== 'none'
  const origin = c.req.header('origin')
  if (origin === undefined) return false
  if (!URL.canParse(origin)) return true
  const { protocol, host } = new URL(origin)
  const [forwarded = ''] = (c.req.header('x-forwarded-host') ?? '').split(',')
  return ![c.req.header('host') ?? '', forwarded.trim()].some((each) => {
    const url = `${protocol}//${each}`
    return URL.canParse(url) && new URL(url).host === host
  })
}

export const crossSite = () =>
  new HttpError(403, CROSS_SITE, 'Another website has caused this request.', {
    remedy:
      'Open the console at the hub’s own address. A proxy must keep the `Host` header, or send the original one as `X-Forwarded-Host`.',
  })
