/** Says why a text is no JSON, without what V8 quotes of it: a secret may be in that. @param error of `JSON.parse` */
export const whyNotJson = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error))
    .replace(/,? *(?:\.\.\.)?"[\s\S]*"(?:\.\.\.)? is not valid JSON$/, '')
    .replace(/^$/, 'it is something else')
