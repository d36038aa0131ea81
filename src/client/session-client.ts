import * as z from 'zod/mini'
import { HubSession, Me, NewSession, SignInToken } from '../protocol/hub-sessions.ts'
import type { HubFailure } from './hub-failure.ts'
import { type ErrorFor, HubRequests } from './hub-requests.ts'
import type { Transport } from './transport.ts'

const Sessions = z.object({ sessions: z.array(HubSession) })

/**
 * Requests of the hub's HTTP API about the caller's key and about sessions. The methods throw the errors that
 * `errorFor` returns.
 */
export class SessionClient {
  readonly #hub: HubRequests

  constructor(transport: Transport, errorFor: ErrorFor = (failure: HubFailure) => failure) {
    this.#hub = new HubRequests(transport, errorFor)
  }

  /** Returns the key of this client. */
  me(): Promise<Me> {
    return this.#hub.json('/api/me', Me, { lacking: 'sessions' })
  }

  /** Creates a session with a user key. */
  create(): Promise<NewSession> {
    return this.#hub.json('/api/sessions', NewSession, { method: 'POST', lacking: 'sessions' })
  }

  /** Creates a session with a one-time token. */
  signIn(token: string): Promise<NewSession> {
    return this.#hub.json('/sign-in', NewSession, { method: 'POST', body: { token }, lacking: 'sessions' })
  }

  /** Returns the sessions that the caller may end. */
  async list(): Promise<HubSession[]> {
    return (await this.#hub.json('/api/sessions', Sessions, { lacking: 'sessions' })).sessions
  }

  async end(sessionId: string): Promise<void> {
    const path = `/api/sessions/${encodeURIComponent(sessionId)}`
    await this.#hub.json(path, z.object({}), { method: 'DELETE' })
  }

  /** Creates a one-time token with which a browser signs in. */
  makeToken(): Promise<SignInToken> {
    const request = { method: 'POST', lacking: 'sessions' } as const
    return this.#hub.json('/api/sign-in-tokens', SignInToken, request)
  }
}
