/**
 * Returns a random id for a command. `crypto.randomUUID` is missing in pages that a browser does not consider
 * secure, such as those of a hub without TLS.
 */
export const newId = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join(
    '',
  )
