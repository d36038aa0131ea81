import * as z from 'zod/mini'
import { secret } from './secrets.ts'

export { SESSION_HEADER } from './session-header.ts'

/**
 * A session of a browser that has signed in with a user key or a one-time token. It has the role that its key
 * has at the time of a request.
 */
export const HubSession = z.object({
  session_id: z.string(),
  /** Id and name of the user key to which the session belongs. */
  key_id: z.string(),
  name: z.string(),
  created_at: z.string(),
  /** Time of the last request. */
  used_at: z.string(),
  /** Time at which the session ends, even if it is in use. */
  expires_at: z.string(),
  /** Address from which the browser signed in. */
  from: z.optional(z.string()),
  /** The browser's own description of itself, shortened. */
  user_agent: z.optional(z.string()),
  /** True for the session with which the list was requested. */
  current: z.optional(z.boolean()),
})
export type HubSession = z.infer<typeof HubSession>

export const NewSession = z.object({
  session: HubSession,
  /** Secret; the hub does not store it. Requests send it in the header, together with the session's cookie. */
  secret: secret(z.string()),
})
export type NewSession = z.infer<typeof NewSession>

/** Exchanges a one-time token for a session. */
export const SignInRequest = z.object({ token: secret(z.string().check(z.minLength(1), z.maxLength(256))) })
export type SignInRequest = z.infer<typeof SignInRequest>

/** A one-time token, with which a browser signs in. */
export const SignInToken = z.object({
  /** Secret; the hub does not store it. Valid once. */
  token: secret(z.string()),
  expires_at: z.string(),
})
export type SignInToken = z.infer<typeof SignInToken>

/** The key of a request, and its session if it has one. */
export const Me = z.object({
  name: z.string(),
  key_id: z.string(),
  /** A `UserRole`, or the role of a newer hub. */
  role: z.string(),
  session_id: z.optional(z.string()),
})
export type Me = z.infer<typeof Me>
