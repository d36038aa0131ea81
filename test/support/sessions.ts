import assert from 'node:assert/strict'
import type { HubSession, NewSession, SignInToken } from '../../src/protocol/index.ts'
import type { TestHub } from './hub.ts'
import { bearer } from './role-keys.ts'

/** A signed-in browser. */
export interface Browser {
  session: HubSession
  secret: string
  /** The cookie as `name=value`. */
  cookie: string
  /** The whole `Set-Cookie` header. */
  setCookie: string
  /** Headers of the browser's requests. */
  headers: Record<string, string>
}

/** Returns the header with a session. */
export const shown = (id: string, secret: string) => ({ 'x-fomular-session': `${id}.${secret}` })

/** Reads the answer to a sign-in. */
export async function browserOf(answer: Response): Promise<Browser> {
  assert.equal(answer.status, 201)
  const { session, secret } = (await answer.json()) as NewSession
  const setCookie = answer.headers.get('set-cookie') ?? ''
  const [cookie = ''] = setCookie.split(';')
  return {
    session,
    secret,
    cookie,
    setCookie,
    headers: { cookie, ...shown(session.session_id, secret) },
  }
}

/** Signs a browser in with a user key. @param headers further headers */
export const signInWithKey = async (hub: TestHub, key: string, headers: Record<string, string> = {}) =>
  browserOf(await hub.request('POST', '/api/sessions', undefined, { ...bearer(key), ...headers }))

/** Sends a request without a key. */
export const ask = (
  hub: TestHub,
  path: string,
  {
    method = 'GET',
    headers = {},
    body,
  }: { method?: string; headers?: Record<string, string>; body?: object } = {},
) =>
  fetch(hub.url + path, {
    method,
    headers: { ...(body && { 'content-type': 'application/json' }), ...headers },
    ...(body && { body: JSON.stringify(body) }),
  })

export const statusOf = async (...args: Parameters<typeof ask>) => {
  const answer = await ask(...args)
  await answer.body?.cancel()
  return answer.status
}

/** Makes a one-time token. @param headers the key or session to make it with */
export const makeToken = async (hub: TestHub, headers: Record<string, string> = {}) =>
  (await (await hub.request('POST', '/api/sign-in-tokens', undefined, headers)).json()) as SignInToken

/** Exchanges a one-time token. */
export const exchange = (hub: TestHub, token: string, headers: Record<string, string> = {}) =>
  ask(hub, '/sign-in', { method: 'POST', headers, body: { token } })

/** Returns the sessions in the list that a key or session gets. */
export const sessionsOf = async (hub: TestHub, headers: Record<string, string> = {}) =>
  (
    (await (await hub.request('GET', '/api/sessions', undefined, headers)).json()) as {
      sessions: HubSession[]
    }
  ).sessions
