/**
 * A failure to reach the server through a proxy. Any response in this error comes from the proxy, not from
 * the server.
 */
export class ProxyError extends Error {
  /** Error code of the system or of TLS if the proxy itself could not be reached. */
  readonly code?: string
  /** HTTP status of the proxy's response to CONNECT. */
  readonly status: number | undefined
  /** The message without the proxy's name. */
  readonly why: string

  constructor(
    host: string,
    why: string,
    { code, status, cause }: { code?: string | undefined; status?: number; cause?: unknown } = {},
  ) {
    super(`the proxy ${host} ${why}`, { cause })
    this.name = 'ProxyError'
    this.why = why
    this.status = status
    if (code !== undefined) this.code = code
  }
}

/** Returns advice for a proxy that refuses the connection. */
export const proxyRemedy = ({ status }: ProxyError): string =>
  status === 407
    ? 'Put the username and password into HTTPS_PROXY: http://NAME:PASSWORD@HOST:PORT'
    : 'Check HTTPS_PROXY, and ask the operator of the proxy. To bypass it, add this host to NO_PROXY.'
