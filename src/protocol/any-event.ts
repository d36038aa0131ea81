import * as z from 'zod/mini'
import { Event } from './events.ts'
import { Offset } from './ids.ts'

const kinds = Event._zod.propValues.kind!

/** An event from a newer daemon, of a kind that this program does not know. */
const NewerEvent = z.looseObject({
  offset: Offset,
  index: Offset,
  kind: z
    .string()
    .check(z.refine((kind) => !kinds.has(kind), { abort: true }))
    .register(z.globalRegistry, { not: { enum: [...kinds] } }),
})

/**
 * An event from a peer, of a known or an unknown kind. Events of unknown kind are stored and passed on
 * unchanged.
 */
export const AnyEvent = z.union([Event, NewerEvent])
export type AnyEvent = z.infer<typeof AnyEvent>
