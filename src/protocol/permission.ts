import * as z from 'zod/mini'
import { firstOf, JsonObject, ReportedName, ReportedSentence } from './bounds.ts'
import { closed } from './closed.ts'
import { fullness } from './fullness.ts'
import { Json } from './ids.ts'

/** Maximum number of questions, options of a question, fields of a form, and suggestions. */
const LISTED = 1000

const id = z.optional(ReportedName)
const text = z.optional(ReportedSentence)
const limit = z.optional(z.number())

export const Question = z.object({
  question: ReportedSentence,
  header: text,
  multi_select: z.optional(z.boolean()),
  options: firstOf(z.object({ label: ReportedSentence, description: text }), LISTED),
})
export type Question = z.infer<typeof Question>

/** A field of a form. Its limits have the same meaning as in JSON Schema. */
export const FormField = z.object({
  name: ReportedName,
  /**
   * `string`, `number`, `integer`, `boolean`, `array` (several of `options`), or a type of a newer server.
   */
  type: ReportedName,
  title: text,
  description: text,
  required: z.optional(z.boolean()),
  options: z.optional(firstOf(z.object({ value: ReportedSentence, title: text }), LISTED)),
  /** Value of the field if the answer omits it. */
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

/** A request for input from an MCP server to a person. */
export const Form = z.object({
  /** Name of the MCP server. */
  server: ReportedName,
  message: ReportedSentence,
  /** Address that the person is asked to open. The form then has no fields. */
  url: text,
  fields: firstOf(FormField, LISTED),
})
export type Form = z.infer<typeof Form>

const fields = {
  request_id: ReportedName,
  /** Opaque value that identifies the request and all its details. Absent from daemons up to 0.1.0. */
  digest: id,
  /** `tool`: allow or deny. `question`: answer each of `questions`. `plan`: allow (approve) or deny (keep planning). */
  ask: closed(['tool', 'question', 'plan'], 'tool'),
  tool: ReportedName,
  tool_use_id: id,
  input: JsonObject,
  /**
   * In a status: True if `input` was too large and is therefore empty. The `permission_request` event
   * contains the full input.
   */
  input_omitted: z.optional(z.boolean()),
  description: text,
  /** The runtime's reason for asking, in its own words. */
  reason: text,
  /** The file or folder that the agent may not use without permission. */
  blocked_path: text,
  /** Present if a sub-agent asks: the tool use that started the sub-agent. */
  parent_tool_use_id: id,
  /** Present if a sub-agent asks: the id of the sub-agent, which is the `task_id` of its task. */
  subagent_id: id,
  /** Present in a status if a sub-agent asks: the purpose of the sub-agent. */
  subagent: text,
  questions: z.optional(firstOf(Question, LISTED)),
  /** Present if an MCP server asks: `questions` has one question for each field, in the same order. */
  form: z.optional(Form),
  /**
   * Permission rules that the runtime suggests remembering, in the runtime's own form. An answer accepts some
   * of them with `remember`.
   */
  suggestions: z.optional(firstOf(Json, LISTED)),
  /**
   * True if a text or list of the request, other than `suggestions`, was longer than its limit and was cut.
   * Such a request can only be refused.
   */
  cut: z.optional(z.boolean()),
}
const { suggestions: _, ...SAID } = fields
const isFull = fullness(z.object(SAID))!

/** Sets `cut` in a request that was cut. Every schema with these fields needs this check. */
export const marksCut = () =>
  z.overwrite<z.infer<z.ZodMiniObject<typeof fields>>>((request) =>
    isFull(request) ? { ...request, cut: true } : request,
  )

/** A request that the agent waits for: permission to use a tool, an answer, or approval of its plan. */
export const PermissionRequest = z.object(fields).check(marksCut())
export type PermissionRequest = z.infer<typeof PermissionRequest>
