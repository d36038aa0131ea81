import * as z from 'zod/mini'
import { list } from './bounds.ts'
import { Limits } from './limits.ts'

/** The length of the text is limited only by the size of its frame. */
const Prompt = z.string().check(z.maxLength(Limits.frame_bytes))

const MediaType = z.enum(['image/png', 'image/jpeg', 'image/gif', 'image/webp'])

/** A block of a message to an agent: text or an image. */
export const ContentBlock = z.discriminatedUnion('type', [
  z.object({ type: z.literal('text'), text: Prompt }),
  z.object({
    type: z.literal('image'),
    media_type: MediaType,
    /** Image data in base64. */
    data: Prompt.check(z.regex(/^[A-Za-z0-9+/]+={0,2}$/, 'must be base64')),
  }),
])
export type ContentBlock = z.infer<typeof ContentBlock>

export const Content = z.union([Prompt.check(z.minLength(1)), list(ContentBlock).check(z.minLength(1))])
export type Content = z.infer<typeof Content>

/** Schema of a string that is none of these values. */
const other = (known: readonly string[]) =>
  z
    .string()
    .check(z.refine((value) => !known.includes(value), { abort: true }))
    .register(z.globalRegistry, { not: { enum: [...known] } })

/**
 * A block. A block or image of a kind that only newer daemons know. It is read as a text block with the name
 * of the kind in brackets.
 */
const SaidBlock = z.pipe(
  z.pipe(
    z.union([
      ContentBlock,
      z.object({ type: other(['text', 'image']) }),
      z.object({ type: z.literal('image'), media_type: other(MediaType.options) }),
    ]),
    z.transform((block): ContentBlock => {
      if ('text' in block || 'data' in block) return block
      return { type: 'text', text: `[${'media_type' in block ? block.media_type : block.type}]` }
    }),
  ),
  ContentBlock,
)

/** A message to an agent, as the agent's journal contains it. */
export const SaidContent = z.union([
  z.string().check(z.minLength(1)),
  z.array(SaidBlock).check(z.minLength(1)),
])
