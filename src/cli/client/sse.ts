import { Limits } from '../../protocol/index.ts'

export interface SseMessage {
  event: string
  data: string
  /** The last id that the stream has set; the point to resume from. */
  id: string
}

/**
 * Maximum length of a message, in characters: an event as long as a frame, with each byte escaped,
 * as in `\u007f`.
 */
const MESSAGE_CHARS = 6 * Limits.frame_bytes

/** Parses a stream of server-sent events, split into chunks at any point. */
export class SseParser {
  readonly #most: number
  #decoder = new TextDecoder()
  #rest = ''
  #data: string[] = []
  /** Number of characters in `#data`. */
  #chars = 0
  #event = ''
  #id = ''
  /**
   * True if the last chunk ended with a carriage return: a line feed that follows belongs to the
   * same line ending.
   */
  #carriageReturn = false

  constructor(most = MESSAGE_CHARS) {
    this.#most = most
  }

  /** @throws RangeError if a message is too long */
  push(chunk: Uint8Array): SseMessage[] {
    let text = this.#decoder.decode(chunk, { stream: true })
    if (text === '') return []
    if (this.#carriageReturn && text.startsWith('\n')) text = text.slice(1)
    this.#carriageReturn = text.endsWith('\r')
    const lines = text.split(/\r\n|\n|\r/)
    lines[0] = this.#rest + lines[0]
    this.#rest = lines.pop() ?? ''
    const messages = lines.flatMap((line) => this.#line(line) ?? [])
    if (this.#rest.length + this.#chars > this.#most)
      throw new RangeError(`a message of more than ${this.#most} characters`)
    return messages
  }

  #line(line: string): SseMessage | undefined {
    if (line === '') return this.#dispatch()
    const colon = line.indexOf(':')
    if (colon === 0) return undefined
    const field = colon === -1 ? line : line.slice(0, colon)
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'data') {
      this.#data.push(value)
      this.#chars += value.length + 1
    } else if (field === 'event') this.#event = value
    else if (field === 'id' && !value.includes('\0')) this.#id = value
    return undefined
  }

  #dispatch(): SseMessage | undefined {
    const data = this.#data
    const event = this.#event || 'message'
    this.#data = []
    this.#chars = 0
    this.#event = ''
    return data.length === 0 ? undefined : { event, data: data.join('\n'), id: this.#id }
  }
}
