import { IMAGE_BYTES, imageType, type PromptImage, SIGNATURE_BYTES } from './prompt-content.ts'

/** Reads a file as an image of a prompt. @throws Error if it is no image that an agent reads */
export async function readImage(file: File): Promise<PromptImage> {
  const head = new Uint8Array(await file.slice(0, SIGNATURE_BYTES).arrayBuffer())
  const media_type = imageType(head)
  if (!media_type) throw new Error(`${file.name} is not a PNG, JPEG, GIF, or WebP image. Convert it first.`)
  if (file.size > IMAGE_BYTES) throw new Error(`${file.name} is too big for a prompt. Make it smaller.`)
  return { type: 'image', media_type, data: await base64Of(file) }
}

function base64Of(file: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader()
    reader.onload = () => resolve(String(reader.result).replace(/^[^,]*,/, ''))
    reader.onerror = () => reject(new Error('The image cannot be read. Choose it again.'))
    reader.readAsDataURL(file)
  })
}
