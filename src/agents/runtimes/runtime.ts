import type { Conversation } from './conversation.ts'
import type { Program, Sessions } from './program.ts'

/** The parts of this daemon that are specific to one agent program. */
export interface RuntimeAdapter extends Program, Sessions, Conversation {
  /** Name in an agent's specification. */
  name: string
  /** Name of the provider of its models, in the conventions of OpenTelemetry for generative AI. */
  provider: string
}
