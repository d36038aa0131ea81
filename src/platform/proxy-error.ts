/** A proxy that did not lead to the server: what it answered is not the server's answer. */
export class ProxyError extends Error {
  /** Of the system or of TLS, where the proxy itself was not reached. */
  readonly code?: string
  /** What it answered to CONNECT. */
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

/** What to do about a proxy that does not let through. */
export const proxyRemedy = ({ status }: ProxyError): string =>
  status === 407
    ? 'Put name and password into HTTPS_PROXY: http://NAME:PASSWORD@HOST:PORT'
    : 'Check HTTPS_PROXY, and ask whoever runs that proxy; NO_PROXY names the hosts that are reached without it.'
