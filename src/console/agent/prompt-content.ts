import type { Content, ContentBlock } from '../../protocol/content.ts'
import { Limits } from '../../protocol/limits.ts'

/** An image of a prompt. */
export type PromptImage = Extract<ContentBlock, { type: 'image' }>

/** A prompt as a person writes it. */
export interface Draft {
  text: string
  images: PromptImage[]
}

export const EMPTY_DRAFT: Draft = { text: '', images: [] }

/** Types of images that an agent reads, by the first bytes of a file. The file's name may be wrong. */
const SIGNATURES: [PromptImage['media_type'], RegExp][] = [
  ['image/png', /^\x89PNG\r\n\x1a\n/],
  ['image/jpeg', /^\xff\xd8\xff/],
  ['image/gif', /^GIF8[79]a/],
  ['image/webp', /^RIFF[\s\S]{4}WEBP/],
]
/** Number of bytes from which the type of a file is known. */
export const SIGNATURE_BYTES = 12

/** The value of `accept` for choosing image files. */
export const IMAGE_TYPES = SIGNATURES.map(([type]) => type).join(',')

/**
 * Maximum size of a prompt, in bytes. An agent repeats its prompts in its journal, in which a line has a limit;
 * a part of the line is left for the text around the prompt.
 */
const PROMPT_BYTES = Limits.line_bytes - 64 * 1024

/** Maximum total size of the images of a prompt, in bytes, before their conversion to base64. */
export const IMAGE_BYTES = Math.floor((PROMPT_BYTES / 4) * 3)
const IMAGE_MIB = Math.floor(IMAGE_BYTES / 1024 / 1024)

/** Returns the media type of an image; undefined if the file is no image that an agent reads. */
export function imageType(head: Uint8Array): PromptImage['media_type'] | undefined {
  const text = String.fromCharCode(...head.subarray(0, SIGNATURE_BYTES))
  return SIGNATURES.find(([, signature]) => signature.test(text))?.[0]
}

/** Returns the prompt in the form of the protocol; undefined if it is empty. */
export function contentOf({ text, images }: Draft): Content | undefined {
  const said = text.trim() === '' ? [] : [{ type: 'text' as const, text }]
  if (images.length > 0) return [...said, ...images]
  return said[0]?.text
}

/** Returns why a prompt cannot be sent; undefined if it can. */
export function contentProblem(content: Content): string | undefined {
  if (sizeOf(content) <= PROMPT_BYTES) return undefined
  return typeof content === 'string'
    ? 'The prompt is too long. Put the text into a file on the machine, and tell the agent its path.'
    : `The prompt is too big: its images can have about ${IMAGE_MIB} MiB together. Remove an image, or make it smaller.`
}

/** Returns the size of a prompt in JSON, in bytes. Base64 has one byte for each character. */
function sizeOf(content: Content): number {
  if (typeof content === 'string') return new TextEncoder().encode(JSON.stringify(content)).length
  return content.reduce(
    (sum, block) => sum + (block.type === 'text' ? sizeOf(block.text) : block.data.length) + 64,
    0,
  )
}
