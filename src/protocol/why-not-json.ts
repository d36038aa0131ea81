/**
 * Returns the reason why a text is not JSON. Omits the text that V8 quotes, because it may contain a secret.
 * @param error the error that `JSON.parse` threw
 */
export const whyNotJson = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error))
    .replace(/,? *(?:\.\.\.)?"[\s\S]*"(?:\.\.\.)? is not valid JSON$/, '')
    .replace(/^$/, 'invalid syntax')
