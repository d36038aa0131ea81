import { imageType, type PromptImage } from './prompt-content.ts'

/** Size of a picture, as its file states it, before anything is decoded. */
export interface PictureSize {
  width: number
  height: number
  /**
   * Number of times that a browser decodes the picture: the frames of an animation, or the scans of a JPEG that
   * becomes sharp step by step.
   */
  passes: number
}

const READERS: Readonly<Record<PromptImage['media_type'], (view: DataView) => PictureSize | undefined>> = {
  'image/png': ofPng,
  'image/jpeg': ofJpeg,
  'image/gif': ofGif,
  'image/webp': ofWebp,
}

/**
 * Returns the size of a picture; undefined if the file is no picture, or ends before its size. The type comes from
 * the first bytes, as in browsers: an agent may name another type.
 */
export function pictureSize(bytes: Uint8Array): PictureSize | undefined {
  const type = imageType(bytes)
  if (!type) return undefined
  try {
    const size = READERS[type](new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength))
    return size && size.width > 0 && size.height > 0 ? size : undefined
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

const nameAt = (view: DataView, at: number) =>
  String.fromCharCode(...[0, 1, 2, 3].map((byte) => view.getUint8(at + byte)))

/** Counts the chunks with a name. @param next returns the place after a chunk */
function chunksOf(
  view: DataView,
  from: number,
  isNamed: (at: number) => boolean,
  next: (at: number) => number,
) {
  let count = 0
  for (let at = from; at + 8 <= view.byteLength; at = next(at)) if (isNamed(at)) count++
  return count
}

function ofPng(view: DataView): PictureSize | undefined {
  if (nameAt(view, 12) !== 'IHDR') return undefined
  const frames = chunksOf(
    view,
    8,
    (at) => nameAt(view, at + 4) === 'fcTL',
    (at) => at + 12 + view.getUint32(at),
  )
  return { width: view.getUint32(16), height: view.getUint32(20), passes: Math.max(1, frames) }
}

function ofWebp(view: DataView): PictureSize | undefined {
  const kind = nameAt(view, 12)
  if (kind === 'VP8 ')
    return { width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff, passes: 1 }
  if (kind === 'VP8L') {
    const bits = view.getUint32(21, true)
    return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1, passes: 1 }
  }
  if (kind !== 'VP8X') return undefined
  const frames = chunksOf(
    view,
    12,
    (at) => nameAt(view, at) === 'ANMF',
    (at) => at + 8 + view.getUint32(at + 4, true) + (view.getUint8(at + 4) & 1),
  )
  const side = (at: number) => 1 + view.getUint16(at, true) + view.getUint8(at + 2) * 0x10000
  return { width: side(24), height: side(27), passes: Math.max(1, frames) }
}

/** Browsers enlarge a GIF to its frames if a frame exceeds the size in the header. */
function ofGif(view: DataView): PictureSize {
  const size = { width: view.getUint16(6, true), height: view.getUint16(8, true), passes: 0 }
  const colors = (flags: number) => (flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0)
  const afterBlocks = (from: number) => {
    let at = from
    while (at < view.byteLength && view.getUint8(at) > 0) at += 1 + view.getUint8(at)
    return at + 1
  }
  for (let at = 13 + colors(view.getUint8(10)); at + 10 <= view.byteLength; ) {
    const mark = view.getUint8(at)
    if (mark === 0x21) at = afterBlocks(at + 2)
    else if (mark === 0x2c) {
      const [left, top, width, height] = [1, 3, 5, 7].map((part) => view.getUint16(at + part, true))
      size.width = Math.max(size.width, left! + width!)
      size.height = Math.max(size.height, top! + height!)
      size.passes++
      at = afterBlocks(at + 11 + colors(view.getUint8(at + 9)))
    } else break
  }
  return { ...size, passes: Math.max(1, size.passes) }
}

/** Marks of frames in a JPEG: all from C0 to CF, except for the marks of tables. */
const isFrame = (mark: number) => mark >= 0xc0 && mark <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(mark)
/** Reports whether nothing belongs to a mark. Bytes that are no marks are skipped, as browsers skip them. */
const isAlone = (mark: number) => mark <= 0x01 || (mark >= 0xd0 && mark <= 0xd8)
const SCAN = 0xda

function ofJpeg(view: DataView): PictureSize | undefined {
  for (let at = 2; at + 9 <= view.byteLength; ) {
    const mark = view.getUint8(at + 1)
    if (view.getUint8(at) !== 0xff || mark === 0xff) at++
    else if (isAlone(mark)) at += 2
    else if (isFrame(mark))
      return { width: view.getUint16(at + 7), height: view.getUint16(at + 5), passes: scansAfter(view, at) }
    else at += 2 + view.getUint16(at + 2)
  }
  return undefined
}

function scansAfter(view: DataView, from: number): number {
  let scans = 0
  for (let at = from; at + 2 <= view.byteLength; at++) if (view.getUint16(at) === 0xff00 + SCAN) scans++
  return Math.max(1, scans)
}
