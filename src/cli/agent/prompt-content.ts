import { readFileSync } from 'node:fs'
import { reasonOf, UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import type { Content } from '../../protocol/index.ts'

type MediaType = 'image/png' | 'image/jpeg' | 'image/gif' | 'image/webp'

/** Media types by the first bytes of a file. The file's name may be wrong. */
const SIGNATURES: [MediaType, RegExp][] = [
  ['image/png', /^\x89PNG\r\n\x1a\n/],
  ['image/jpeg', /^\xff\xd8\xff/],
  ['image/gif', /^GIF8[79]a/],
  ['image/webp', /^RIFF[\s\S]{4}WEBP/],
]

export interface PromptFlags {
  prompt?: string | undefined
  promptFile?: string | undefined
  image?: string[] | undefined
}

/**
 * Returns the prompt that the flags give: a text, `-` for standard input, or a file, followed by images.
 * @throws UserError
 */
export function promptContent({ prompt, promptFile, image = [] }: PromptFlags): Content | undefined {
  if (prompt !== undefined && promptFile !== undefined)
    throw new UserError('usage', 'Give the prompt as text or as a file, not both.', { exitCode: EXIT.usage })
  const text =
    promptFile !== undefined ? readInput(promptFile, 'utf8') : prompt === '-' ? readInput(0, 'utf8') : prompt
  if (text !== undefined && text.trim() === '')
    throw new UserError('usage', 'The prompt is empty.', { exitCode: EXIT.usage })
  if (image.length === 0) return text
  return [...(text === undefined ? [] : [{ type: 'text' as const, text }]), ...image.map(imageBlock)]
}

function imageBlock(path: string) {
  const data = readInput(path, 'latin1')
  const type = SIGNATURES.find(([, signature]) => signature.test(data))?.[0]
  if (!type)
    throw new UserError('image_unknown', `${path} is not a PNG, JPEG, GIF, or WebP image.`, {
      remedy: 'Convert it first.',
      exitCode: EXIT.usage,
    })
  return { type: 'image' as const, media_type: type, data: Buffer.from(data, 'latin1').toString('base64') }
}

/** Reads a file, or standard input. @throws UserError that names the file */
export function readInput(path: string | 0, encoding: 'utf8' | 'latin1'): string {
  try {
    return readFileSync(path, encoding)
  } catch (error) {
    const name = path === 0 ? 'standard input' : path
    throw new UserError('file_unreadable', `Cannot read ${name}: ${reasonOf(error)}`, {
      remedy: 'Name a file that exists and that this user can read.',
      exitCode: EXIT.usage,
    })
  }
}
