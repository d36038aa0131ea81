import * as z from 'zod/mini'

/** A version of a package, as the registry describes it. */
export const Release = z.object({
  name: z.string(),
  version: z.string(),
  dist: z.object({
    integrity: z.string(),
    tarball: z.string(),
    unpackedSize: z.optional(z.number()),
  }),
  engines: z.optional(z.object({ node: z.optional(z.string()) })),
  /** Time of publication (ISO 8601). */
  published: z.optional(z.string()),
})
export type Release = z.infer<typeof Release>

/** The registry's description of a package, without the versions. */
export const PackageFacts = z.object({
  'dist-tags': z.record(z.string(), z.string()),
  time: z.optional(z.record(z.string(), z.string())),
})
export type PackageFacts = z.infer<typeof PackageFacts>
