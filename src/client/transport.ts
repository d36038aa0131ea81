/** A request to a hub. */
export interface TransportRequest {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  /** Path and query, beginning with a slash. */
  path: string
  headers: Record<string, string>
  body?: string | undefined
  /** Aborts the request and the reading of its answer. */
  signal: AbortSignal
}

export interface TransportResponse {
  status: number
  /**
   * The chunks of the body as they arrive. The chunks can be read only once. Throws if the connection breaks.
   */
  body: AsyncIterable<Uint8Array>
  /** Closes an answer whose body is not read. */
  discard(): void
}

/** The connection to one hub. Adds the user's credentials, such as a key, to each request. */
export interface Transport {
  /** Address of the hub, for messages. */
  readonly url: string
  /**
   * Sends a request, and returns the answer with its body unread. Does not follow redirects.
   * @throws an error if there is no answer
   */
  send(request: TransportRequest): Promise<TransportResponse>
}
