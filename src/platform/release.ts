declare const FOMULAR_RELEASE_KEYS: string | undefined
declare const FOMULAR_RELEASE_DATE: string | undefined

const baked = (text: string | undefined) => (text ?? '').split(' ').filter(Boolean)

/**
 * Public keys that verify releases, in minisign's form. They are built into a release; any other build has
 * none.
 */
export const RELEASE_KEYS: readonly string[] = baked(
  typeof FOMULAR_RELEASE_KEYS === 'string' ? FOMULAR_RELEASE_KEYS : undefined,
)

/** Commit time of this release's sources (ISO 8601); undefined in any other build. */
export const RELEASE_DATE: string | undefined = baked(
  typeof FOMULAR_RELEASE_DATE === 'string' ? FOMULAR_RELEASE_DATE : undefined,
)[0]
