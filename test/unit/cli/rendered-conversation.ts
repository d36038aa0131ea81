import { Lexer } from 'marked'
import { colors } from '../../../src/cli/render/ansi.ts'
import { Conversation } from '../../../src/cli/render/conversation.ts'
import { forTerminal } from '../../../src/cli/terminal.ts'
import type { Event } from '../../../src/protocol/index.ts'

type WithoutPlace<E> = E extends Event ? Omit<E, 'offset' | 'index'> : never
export type GivenEvent = WithoutPlace<Event>

function shown(conversation: Conversation, events: GivenEvent[]): string {
  const parts = events.map((event, index) =>
    conversation.event({ offset: index, index: 0, ...event } as Event),
  )
  return parts.join('') + conversation.interrupt()
}

/** Returns the text that a program reads for these events. */
export const render = (events: GivenEvent[], color = false): string =>
  shown(new Conversation(colors(color)), events)

/**
 * Returns the rows that a terminal with `width` columns shows for these events, with Markdown.
 * @param color true to include the escape sequences of colors
 */
export function onTerminal(events: GivenEvent[], width: number, color = false): string {
  const text = forTerminal(shown(new Conversation(colors(true), () => width, Lexer), events))
  return color ? text : text.replace(/\x1b\[\d+m/g, '')
}
