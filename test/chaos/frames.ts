const TEXT = 1

/** A WebSocket frame from a server. */
export interface Frame {
  bytes: Buffer
  /** The text, if the frame is a whole text message. */
  text?: string
}

/** Splits a server's bytes, from its answer to the upgrade, into frames (RFC 6455, 5.2). */
export class FrameReader {
  #rest = Buffer.alloc(0)
  #upgraded = false

  push(chunk: Buffer): Frame[] {
    this.#rest = Buffer.concat([this.#rest, chunk])
    const frames: Frame[] = []
    for (;;) {
      const frame = this.#upgraded ? this.#frame() : this.#head()
      if (!frame) return frames
      this.#rest = this.#rest.subarray(frame.bytes.length)
      frames.push(frame)
    }
  }

  #head(): Frame | undefined {
    const end = this.#rest.indexOf('\r\n\r\n')
    if (end === -1) return undefined
    this.#upgraded = true
    return { bytes: this.#rest.subarray(0, end + 4) }
  }

  #frame(): Frame | undefined {
    const rest = this.#rest
    if (rest.length < 2) return undefined
    const short = rest[1]! & 0x7f
    const head = short === 126 ? 4 : short === 127 ? 10 : 2
    if (rest.length < head) return undefined
    const length =
      short === 126 ? rest.readUInt16BE(2) : short === 127 ? Number(rest.readBigUInt64BE(2)) : short
    if (rest.length < head + length) return undefined
    const bytes = rest.subarray(0, head + length)
    const isWhole = rest[0] === (0x80 | TEXT)
    return { bytes, ...(isWhole && { text: bytes.toString('utf8', head) }) }
  }
}
