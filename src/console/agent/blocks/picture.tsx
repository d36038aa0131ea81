import { bytes } from '../../parts/ago.ts'
import type { Picture as PictureData } from './tool-facts.ts'

/** Maximum size of a picture, in characters of base64. */
const MOST_CHARS = 8_000_000
const BASE64 = /^[A-Za-z0-9+/\s]+={0,2}\s*$/

/** A picture that an agent or a person sent. */
export function Picture({ picture: { media_type, data } }: { picture: PictureData }) {
  const size = bytes(Math.floor((data.length * 3) / 4))
  if (data.length > MOST_CHARS || !BASE64.test(data))
    return (
      <p>
        Picture of {size}, {data.length > MOST_CHARS ? 'too large to show' : 'cannot be read'}
      </p>
    )
  return (
    <img
      class="picture"
      src={`data:${media_type};base64,${data}`}
      alt={`Picture, ${size}`}
      loading="lazy"
      decoding="async"
    />
  )
}
