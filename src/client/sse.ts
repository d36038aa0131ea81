import { createParser, type EventSourceParser } from 'eventsource-parser'
import { Limits } from '../protocol/limits.ts'

export interface SseMessage {
  event: string
  data: string
  /** The last id in the stream so far. A new stream can continue after this id. */
  id: string
}

/**
 * Maximum length of a message, in characters. An event comes from a frame, and each byte of the frame can
 * become six characters (`\u007f`).
 */
const MESSAGE_CHARS = 6 * Limits.frame_bytes
/**
 * Maximum number of lines in a message. The limit is needed because even a short line takes memory in the
 * parser.
 */
const MESSAGE_LINES = 1_000_000
/**
 * Minimum length, in characters, of a piece of an unfinished line that is passed to the parser. Shorter
 * pieces are collected first, because the parser keeps every piece.
 */
const PIECE_CHARS = 64 * 1024

/** Parses a stream of server-sent events from chunks of any size. The length of a message is limited. */
export class SseParser {
  readonly #most: number
  readonly #parser: EventSourceParser
  #decoder = new TextDecoder()
  /** Text that the parser has not received yet. */
  #held = ''
  /** Number of lines since the last complete message. */
  #lines = 0
  /** Messages that the parser has found in this chunk. */
  #messages: SseMessage[] = []
  #id = ''
  /**
   * True if the last chunk ended with a carriage return. If the next chunk begins with a line feed, it
   * belongs to the same line ending.
   */
  #carriageReturn = false

  constructor(most = MESSAGE_CHARS) {
    this.#most = most
    this.#parser = createParser({
      maxBufferSize: most,
      onEvent: ({ event = 'message', data, id }) => {
        this.#id = id ?? this.#id
        this.#lines = 0
        this.#messages.push({ event, data, id: this.#id })
      },
      onError: ({ type }) => {
        if (type === 'max-buffer-size-exceeded')
          throw new RangeError(`a message of more than ${most} characters`)
      },
    })
  }

  /** @throws RangeError if a message is too long */
  push(chunk: Uint8Array): SseMessage[] {
    let text = this.#decoder.decode(chunk, { stream: true })
    if (text === '') return []
    if (this.#carriageReturn && text.startsWith('\n')) text = text.slice(1)
    this.#carriageReturn = text.endsWith('\r')
    text = text.replace(/\r\n?/g, '\n')
    const lines = text.split('\n').length - 1
    this.#held += text
    if (lines === 0 && this.#held.length < Math.min(PIECE_CHARS, this.#most)) return []
    // An empty line ends a message, even if the message has no data.
    this.#lines = this.#held.includes('\n\n') ? 0 : this.#lines + lines
    if (this.#lines > MESSAGE_LINES) throw new RangeError(`a message of more than ${MESSAGE_LINES} lines`)
    this.#parser.feed(this.#held)
    this.#held = ''
    const messages = this.#messages
    this.#messages = []
    return messages
  }
}
