import type { Transport } from './transport.ts'

type FetchOptions = RequestInit & { headers: Record<string, string> }

/**
 * Returns a transport that uses `fetch`, for example in a web page.
 * @param url address of the hub, without a trailing slash
 * @param headers headers for every request, for example with the user's key
 * @param send sends a request, as `fetch` does
 */
export const fetchTransport = (
  url: string,
  headers: Record<string, string>,
  send: (url: string, options: FetchOptions) => Promise<Response> = fetch,
): Transport => ({
  url,
  async send({ path, ...request }) {
    const { status, body } = await send(url + path, {
      ...request,
      headers: { ...headers, ...request.headers },
      redirect: 'error',
    })
    return { status, body: chunksOf(body), discard: () => void body?.cancel().catch(() => {}) }
  },
})

/**
 * Yields the chunks of a stream as they arrive. This function is needed because some browsers cannot iterate
 * over streams.
 */
async function* chunksOf(stream: ReadableStream<Uint8Array> | null): AsyncGenerator<Uint8Array> {
  if (!stream) return
  const reader = stream.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield value
    }
  } finally {
    reader.cancel().catch(() => {})
  }
}
