import type { Content } from '../../../protocol/content.ts'
import { visible } from '../../parts/visible.ts'
import { Long } from './long.tsx'
import { Picture } from './picture.tsx'

/** A message, as its sender wrote it: text and pictures. */
export function Said({ id, content }: { id: string; content: Content }) {
  const blocks = typeof content === 'string' ? [{ type: 'text' as const, text: content }] : content
  return (
    <>
      {blocks.map((block, at) =>
        block.type === 'image' ? (
          <Picture key={at} picture={block} />
        ) : (
          <Long key={at} id={`${id} ${at}`} text={block.text.trimEnd()} chars={4000} lines={40}>
            {(text) => (
              <p class="said" dir="auto">
                {visible(text)}
              </p>
            )}
          </Long>
        ),
      )}
    </>
  )
}

/** Returns the text of a message, for a summary. */
export const textOf = (content: Content): string =>
  typeof content === 'string'
    ? content
    : content.map((block) => (block.type === 'text' ? block.text : '[picture]')).join(' ')
