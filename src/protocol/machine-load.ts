import * as z from 'zod/mini'

/** The load averages of a machine over the last 1, 5, and 15 minutes, and the number of its processors. */
export const MachineLoad = z.object({
  one_minute: z.number(),
  five_minutes: z.number(),
  fifteen_minutes: z.number(),
  processors: z.int(),
})
export type MachineLoad = z.infer<typeof MachineLoad>
