import * as z from 'zod/mini'
import { firstOf, JsonObject, ToldName, ToldSentence } from './bounds.ts'
import { closed } from './closed.ts'
import { fullness } from './full.ts'
import { Json } from './ids.ts'

/** Maximum number of questions, of the options of one, of a form's fields, and of suggestions. */
const LISTED = 1000

const id = z.optional(ToldName)
const text = z.optional(ToldSentence)
const limit = z.optional(z.number())

export const Question = z.object({
  question: ToldSentence,
  header: text,
  multi_select: z.optional(z.boolean()),
  options: firstOf(z.object({ label: ToldSentence, description: text }), LISTED),
})
export type Question = z.infer<typeof Question>

/** One field of a form. Its limits are those of JSON Schema. */
export const FormField = z.object({
  name: ToldName,
  /** `string`, `number`, `integer`, `boolean`, `array` (several of `options`), or what a newer server asks for. */
  type: ToldName,
  title: text,
  description: text,
  required: z.optional(z.boolean()),
  options: z.optional(firstOf(z.object({ value: ToldSentence, title: text }), LISTED)),
  /** Its value where no answer is given. */
  default: z.optional(Json),
  /** `email`, `uri`, `date`, `date-time`, … */
  format: id,
  minimum: limit,
  maximum: limit,
  min_length: limit,
  max_length: limit,
  min_items: limit,
  max_items: limit,
})
export type FormField = z.infer<typeof FormField>

/** What an MCP server asks a person for. */
export const Form = z.object({
  /** Name of the server. */
  server: ToldName,
  message: ToldSentence,
  /** An address that the person is asked to open; there are no fields then. */
  url: text,
  fields: firstOf(FormField, LISTED),
})
export type Form = z.infer<typeof Form>

const fields = {
  request_id: ToldName,
  /** Names the request and all that the runtime said of it. Opaque. Absent from daemons up to 0.1.0. */
  digest: id,
  /** `tool`: allow or deny. `question`: answer each of `questions`. `plan`: allow (approve) or deny (keep planning). */
  ask: closed(['tool', 'question', 'plan'], 'tool'),
  tool: ToldName,
  tool_use_id: id,
  input: JsonObject,
  /** In a status: `input` was too large for one and is empty; the event `permission_request` has it. */
  input_omitted: z.optional(z.boolean()),
  description: text,
  /** Why the runtime asks, in its own words. */
  reason: text,
  /** The file or folder that it asks about, where that is not the agent's to use. */
  blocked_path: text,
  /** Set where a sub-agent asks: the tool use that started it. */
  parent_tool_use_id: id,
  /** Set where a sub-agent asks: its id, which is that of its `task`. */
  subagent_id: id,
  /** In a status: what that sub-agent was started for. */
  subagent: text,
  questions: z.optional(firstOf(Question, LISTED)),
  /** Set where an MCP server asks: `questions` has its fields, in the same order. */
  form: z.optional(Form),
  /** Permission rules the runtime offers to remember, in its own form; echo some in `remember` to apply them. */
  suggestions: z.optional(firstOf(Json, LISTED)),
  /**
   * Some text or list of it, other than `suggestions`, was longer than it may be here, and has lost its end: it can only be
   * refused.
   */
  cut: z.optional(z.boolean()),
}
const { suggestions: _, ...SAID } = fields
const isFull = fullness(z.object(SAID))!

/** Marks a request that was cut. Beside `z.object`, where its fields are part of another one. */
export const marksCut = () =>
  z.overwrite<z.infer<z.ZodMiniObject<typeof fields>>>((request) =>
    isFull(request) ? { ...request, cut: true } : request,
  )

/** Something the agent waits for: permission to use a tool, an answer, or approval of its plan. */
export const PermissionRequest = z.object(fields).check(marksCut())
export type PermissionRequest = z.infer<typeof PermissionRequest>
