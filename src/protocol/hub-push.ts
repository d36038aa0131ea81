import * as z from 'zod/mini'
import { secret } from './secrets.ts'

/**
 * Kinds of notifications: an agent asks for permission, or asks a question; an agent or its turn has failed; an
 * agent has reached a usage limit; an agent has ended without an order. A newer hub may have more kinds.
 */
export const PUSH_KINDS = ['permission', 'question', 'failed', 'limited', 'ended'] as const
export type PushKind = (typeof PUSH_KINDS)[number]

/** A browser that gets notifications. */
export const HubSubscription = z.object({
  /** Beginning of the SHA-256 of the browser's address at its push service, in hexadecimal. */
  subscription_id: z.string(),
  /** Id and name of the user key to which the subscription belongs. */
  key_id: z.string(),
  name: z.string(),
  /** The session that made the subscription. The subscription ends with it. Absent if a key made it. */
  session_id: z.optional(z.string()),
  created_at: z.string(),
  /** Host of the push service. */
  service: z.string(),
  /** The browser's own description of itself, shortened. */
  user_agent: z.optional(z.string()),
  /** Reason why the last notification was not delivered. */
  problem: z.optional(z.string()),
})
export type HubSubscription = z.infer<typeof HubSubscription>

/** Notifications of a key: its choice, and the browsers that get them. */
export const PushState = z.object({
  /** Public key of the hub for push services: an uncompressed point of P-256, in base64url. */
  public_key: z.string(),
  /** Kinds of notifications that this hub sends. */
  offered: z.array(z.string()),
  /** Kinds of notifications that the browsers of this key get. */
  kinds: z.array(z.string()),
  subscriptions: z.array(HubSubscription),
})
export type PushState = z.infer<typeof PushState>

/** Chooses the kinds of notifications that the browsers of a key get. Unknown kinds have no effect. */
export const PushSettings = z.object({
  kinds: z.array(z.string().check(z.maxLength(64))).check(z.maxLength(32)),
})
export type PushSettings = z.infer<typeof PushSettings>

/** A browser's push subscription, as `PushSubscription.toJSON()` returns it. */
export const SubscribeRequest = z.object({
  /** Address at the push service. Secret, because notifications can be sent to it. */
  endpoint: secret(z.string().check(z.maxLength(2048))),
  keys: z.object({
    /** Public key of the browser: an uncompressed point of P-256, in base64url. */
    p256dh: z.string().check(z.regex(/^[\w-]{87}=?$/)),
    /** Secret that the browser and the hub share, in base64url. */
    auth: secret(z.string().check(z.regex(/^[\w-]{22}(==)?$/))),
  }),
})
export type SubscribeRequest = z.infer<typeof SubscribeRequest>

/** Content of a notification, which only the browser can decrypt. */
export const PushMessage = z.object({
  title: z.string(),
  body: z.string(),
  /** Identifies the reason: a newer notification with the same tag replaces the notification. */
  tag: z.string(),
  /** Time of this message, in milliseconds since 1970. */
  at: z.number(),
  machine_id: z.string(),
  agent_id: z.string(),
  /** Id of the `Need` that is the reason. Absent if it is very long. */
  need: z.optional(z.string()),
  /** The request that waits for an answer. */
  request_id: z.optional(z.string()),
  /** Tags of all requests that still wait for an answer. Absent if there are many. */
  open: z.optional(z.array(z.string())),
})
export type PushMessage = z.infer<typeof PushMessage>
