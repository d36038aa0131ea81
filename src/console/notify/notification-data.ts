import * as z from 'zod/mini'
import type { PushMessage } from '../../protocol/hub-push.ts'
import { hrefOf } from '../href.ts'

/** Facts that the browser keeps with a notification. */
export const NotificationData = z.object({
  machine_id: z.string(),
  agent_id: z.string(),
  /** The part of the console's address after which the page shows the agent or its request. */
  href: z.string(),
  /** Id of the agent's need. */
  need: z.optional(z.string()),
  /** True if the notification is about a request. */
  asks: z.boolean(),
  /** Time of the message, in milliseconds since 1970. */
  at: z.number(),
})
export type NotificationData = z.infer<typeof NotificationData>

/** Returns the facts of a message that its notification keeps. */
export function dataOf({ machine_id, agent_id, need, request_id, at }: PushMessage): NotificationData {
  const query = request_id === undefined ? undefined : new URLSearchParams({ request: request_id })
  return {
    machine_id,
    agent_id,
    href: hrefOf(['agents', machine_id, agent_id], query),
    ...(need !== undefined && { need }),
    asks: need?.startsWith('request ') ?? request_id !== undefined,
    at,
  }
}

/** A message of the worker to the page: shows an address. */
export const OpenMessage = z.object({ open: z.string().check(z.regex(/^#\//)) })
