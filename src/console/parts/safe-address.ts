const SCHEMES = new Set(['http:', 'https:', 'mailto:'])

/** Returns an address that a link may have; undefined for anything else, such as scripts. */
export function safeAddress(text: string): string | undefined {
  if (!/^(https?:\/\/|mailto:)/i.test(text)) return undefined
  try {
    const { protocol, href } = new URL(text)
    return SCHEMES.has(protocol) ? href : undefined
  } catch {
    return undefined
  }
}
