import type { Activity } from './messages.ts'

const TEXT = Symbol('text of the events')

interface WithText {
  [TEXT]?: Uint8Array
}

/** Keeps the text of a frame's events with the frame, so that a server can store the events as they came. */
export function keepText(frame: WithText, text: Uint8Array) {
  frame[TEXT] = text
}

/**
 * Returns the events of a frame as the JSON text in which they came, an array; undefined if reading the frame has
 * changed them. The text may contain line feeds between values.
 */
export const textOfEvents = (activity: Activity): Uint8Array | undefined => (activity as WithText)[TEXT]
