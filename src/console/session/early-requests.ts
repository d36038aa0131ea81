import { SESSION_HEADER } from '../../protocol/session-header.ts'

/** Time after which an answer is closed that nobody has taken, in milliseconds. */
const UNTAKEN_MS = 30_000

interface Sent {
  answer: Promise<Response>
  aborter: AbortController
  untaken: ReturnType<typeof setTimeout>
}

/** Requests that were sent before the code that needs their answers has arrived. Each answer is taken once. */
export class EarlyRequests {
  readonly #sent = new Map<string, Sent>()

  /** @param headers the headers of the request, which show the session */
  send(url: string, headers: Record<string, string>) {
    const aborter = new AbortController()
    const answer = fetch(url, { headers, redirect: 'error', signal: aborter.signal })
    // The code that takes the answer gets the failure.
    answer.catch(() => {})
    const key = keyOf(url, headers)
    const untaken = setTimeout(() => {
      this.#sent.delete(key)
      aborter.abort()
    }, UNTAKEN_MS)
    this.#sent.set(key, { answer, aborter, untaken })
  }

  /** Does what `fetch` does, with the answer to the same request if it was sent early. */
  readonly fetch = (url: string, options: RequestInit & { headers: Record<string, string> }) => {
    const { method, signal, headers } = options
    const key = keyOf(url, headers)
    const sent = method === 'GET' ? this.#sent.get(key) : undefined
    if (!sent) return fetch(url, options)
    this.#sent.delete(key)
    clearTimeout(sent.untaken)
    const abort = () => sent.aborter.abort(signal?.reason)
    if (signal?.aborted) abort()
    else signal?.addEventListener('abort', abort)
    return sent.answer
  }
}

const keyOf = (url: string, headers: Record<string, string>) => `${headers[SESSION_HEADER]} ${url}`

/** The requests for the first page. */
export const earlyRequests = new EarlyRequests()
