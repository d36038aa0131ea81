import type { TransportResponse } from './transport.ts'

/**
 * Reads a whole body as text.
 * @param most maximum length, in bytes
 * @param signal the signal of the request
 * @throws RangeError if the body is longer; the signal's reason after an abort; or an error if the body is
 * incomplete
 */
export async function textOf(
  { body }: TransportResponse,
  { most, signal }: { most: number; signal: AbortSignal },
): Promise<string> {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  let text = ''
  let bytes = 0
  try {
    for await (const chunk of body) {
      bytes += chunk.length
      if (bytes > most) throw new RangeError(`its answer is longer than ${most} bytes`)
      text += decoder.decode(chunk, { stream: true })
    }
  } catch (error) {
    // After an abort, Node's error says that the peer reset the connection, so throw the signal's reason
    // instead.
    throw signal.aborted ? signal.reason : error
  }
  return text + decoder.decode()
}

/** Yields a body as it arrives, until it ends or the connection breaks. */
export async function* untilBroken({ body }: TransportResponse): AsyncGenerator<Uint8Array> {
  try {
    yield* body
  } catch {
    // Ignore the error: the caller reconnects after a broken connection just as after a closed connection.
  }
}
