import * as z from 'zod/mini'
import { HubAgent } from '../protocol/hub-objects.ts'

/** Fields of an agent that change with each frame of its activity. */
const PLACES = { begin: true, acked: true, end: true, offset: true } as const

/**
 * An agent without its offsets, so that an active agent does not change all the time, and without its waiting
 * prompts, which may be long.
 */
export const FleetAgent = z.omit(HubAgent, { ...PLACES, waiting_prompts: true })
export type FleetAgent = z.infer<typeof FleetAgent>
