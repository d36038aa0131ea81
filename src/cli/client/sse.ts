export interface SseMessage {
  event: string
  data: string
  /** The last id the stream has set, which is what to resume from. */
  id: string
}

/** Reads a stream of server-sent events, however it is cut into pieces. */
export class SseParser {
  #decoder = new TextDecoder()
  #rest = ''
  #data: string[] = []
  #event = ''
  #id = ''
  /** The last piece ended with a carriage return: a line feed right after it belongs to the same line end. */
  #carriageReturn = false

  push(chunk: Uint8Array): SseMessage[] {
    let text = this.#decoder.decode(chunk, { stream: true })
    if (text === '') return []
    if (this.#carriageReturn && text.startsWith('\n')) text = text.slice(1)
    this.#carriageReturn = text.endsWith('\r')
    const lines = (this.#rest + text).split(/\r\n|\n|\r/)
    this.#rest = lines.pop() ?? ''
    return lines.flatMap((line) => this.#line(line) ?? [])
  }

  #line(line: string): SseMessage | undefined {
    if (line === '') return this.#dispatch()
    const colon = line.indexOf(':')
    if (colon === 0) return undefined
    const field = colon === -1 ? line : line.slice(0, colon)
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'data') this.#data.push(value)
    else if (field === 'event') this.#event = value
    else if (field === 'id' && !value.includes('\0')) this.#id = value
    return undefined
  }

  #dispatch(): SseMessage | undefined {
    const data = this.#data
    const event = this.#event || 'message'
    this.#data = []
    this.#event = ''
    return data.length === 0 ? undefined : { event, data: data.join('\n'), id: this.#id }
  }
}
