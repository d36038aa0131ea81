import * as z from 'zod/mini'
import { AnyEvent } from './any-event.ts'

export const EventPage = z.object({
  events: z.array(AnyEvent),
  /** For the next page, send `after=<next>`. Absent at the end of the history. */
  next: z.optional(z.string()),
  /** For the page before, send `before=<previous>`. Absent at the beginning of the history. */
  previous: z.optional(z.string()),
})
export type EventPage = z.infer<typeof EventPage>
