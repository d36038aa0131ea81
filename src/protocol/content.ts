import * as z from 'zod/mini'

/** What a person or server says to an agent: plain text, or blocks of text and images. */
export const ContentBlock = z.discriminatedUnion('type', [
  z.object({ type: z.literal('text'), text: z.string() }),
  z.object({
    type: z.literal('image'),
    media_type: z.enum(['image/png', 'image/jpeg', 'image/gif', 'image/webp']),
    /** base64 */
    data: z.string().check(z.regex(/^[A-Za-z0-9+/]+={0,2}$/, 'must be base64')),
  }),
])
export type ContentBlock = z.infer<typeof ContentBlock>

export const Content = z.union([
  z.string().check(z.minLength(1)),
  z.array(ContentBlock).check(z.minLength(1)),
])
export type Content = z.infer<typeof Content>
