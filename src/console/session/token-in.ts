/**
 * Returns the one-time token in an address's fragment, `#token=…`, as `fomular-daemon open` makes it; undefined
 * if there is none.
 */
export function tokenIn(hash: string): string | undefined {
  const [, token] = /^#token=([\w%.~-]{1,256})$/.exec(hash) ?? []
  try {
    return token && decodeURIComponent(token)
  } catch {
    return undefined
  }
}
