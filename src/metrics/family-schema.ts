import * as z from 'zod/mini'

/** A value of a metric. */
const Sample = z.object({
  labels: z.optional(z.record(z.string(), z.string())),
  value: z.number(),
})
export type Sample = z.infer<typeof Sample>

/** Numbers of observations up to each bound, in ascending order, with the sum and count of all observations. */
const Distribution = z.object({
  buckets: z.array(z.object({ upTo: z.number(), count: z.number() })),
  sum: z.number(),
  count: z.number(),
})
export type Distribution = z.infer<typeof Distribution>

/** Name with its unit, without the suffix `_total` or `_info`, and an explanation. */
const described = { name: z.string(), help: z.string() }

/** A metric at one moment. */
export const Family = z.discriminatedUnion('type', [
  z.object({ ...described, type: z.literal('counter'), samples: z.array(Sample) }),
  z.object({ ...described, type: z.literal('gauge'), samples: z.array(Sample) }),
  z.object({ ...described, type: z.literal('info'), samples: z.array(Sample) }),
  z.object({ ...described, type: z.literal('histogram'), distribution: Distribution }),
])
export type Family = z.infer<typeof Family>
