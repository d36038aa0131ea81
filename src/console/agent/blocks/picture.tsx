import { useMemo } from 'preact/hooks'
import { bytes } from '../../parts/ago.ts'
import { type PictureSize, pictureSize } from '../picture-size.ts'
import type { Picture as PictureData } from './tool-facts.ts'

/** Maximum size of a picture, in characters of base64. */
const MOST_CHARS = 8_000_000
/**
 * Maximum number of pixels, in a picture and in all its passes. A decoded pixel takes 4 bytes, and a file of some
 * kilobytes may have billions of pixels.
 */
const MOST_PIXELS = 25_000_000
const MOST_DECODED = 500_000_000
/** Maximum width and height, in pixels. */
const MOST_SIDE = 32_767

interface PictureProps {
  picture: PictureData
  /** Text for people who do not see the picture; by default, its size. */
  alt?: string
}

/** A picture that an agent or a person sent. It becomes an element only if the browser can draw it without harm. */
export function Picture({ picture: { media_type, data }, alt }: PictureProps) {
  const problem = useMemo(() => problemOf(data), [data])
  const size = bytes(Math.floor((data.length * 3) / 4))
  if (problem !== undefined)
    return (
      <p>
        Picture of {size}, {problem}
      </p>
    )
  return (
    <img
      class="picture"
      src={`data:${media_type};base64,${data}`}
      alt={alt ?? `Picture, ${size}`}
      loading="lazy"
      decoding="async"
    />
  )
}

/** Returns why a picture is not shown; undefined if it is. */
function problemOf(data: string): string | undefined {
  if (data.length > MOST_CHARS) return 'too large to show'
  const size = sizeOf(data)
  if (!size) return 'cannot be read'
  const { width, height, passes } = size
  const isBounded =
    width * height <= MOST_PIXELS &&
    width * height * passes <= MOST_DECODED &&
    Math.max(width, height) <= MOST_SIDE
  const times = passes === 1 ? '' : `, ${format(passes)} times`
  return isBounded ? undefined : `${format(width)} × ${format(height)} pixels${times}: too large to show`
}

const format = (number: number) => number.toLocaleString()

function sizeOf(data: string): PictureSize | undefined {
  try {
    return pictureSize(Uint8Array.from(atob(data), (char) => char.charCodeAt(0)))
  } catch {
    // The text is not base64.
    return undefined
  }
}
