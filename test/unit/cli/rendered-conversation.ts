import { colors } from '../../../src/cli/render/ansi.ts'
import { Conversation } from '../../../src/cli/render/conversation.ts'
import type { Event } from '../../../src/protocol/index.ts'

type WithoutPlace<E> = E extends Event ? Omit<E, 'offset' | 'index'> : never

/** Returns the text that a terminal shows for these events. */
export function render(events: WithoutPlace<Event>[], color = false): string {
  const conversation = new Conversation(colors(color))
  const parts = events.map((event, index) =>
    conversation.event({ offset: index, index: 0, ...event } as Event),
  )
  return parts.join('') + conversation.interrupt()
}
