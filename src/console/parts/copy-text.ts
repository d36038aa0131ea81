/** Copies a text. Browsers allow this only on pages with TLS or of this machine. */
export async function isCopied(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    return false
  }
}
