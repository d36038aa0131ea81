import { deflateSync } from 'node:zlib'
import { crc32 } from '../../src/platform/crc32.ts'

const le = (value: number, bytes: number) => {
  const buffer = Buffer.alloc(bytes)
  buffer.writeUIntLE(value, 0, bytes)
  return buffer
}
const be = (value: number, bytes: number) => {
  const buffer = Buffer.alloc(bytes)
  buffer.writeUIntBE(value, 0, bytes)
  return buffer
}

interface Size {
  width: number
  height: number
}

/** Returns a black PNG. @param frames number of its further frames, which have no content */
export function png({ width, height }: Size, frames = 0): Buffer {
  const chunk = (name: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(name), data])
    return Buffer.concat([be(data.length, 4), body, be(crc32(body), 4)])
  }
  // Without the rows, a picture with billions of pixels is small, and still has its size in the header.
  const rows = Math.min(height, 1000)
  const data = deflateSync(Buffer.alloc(rows * (1 + Math.ceil(Math.min(width, 100_000) / 8))))
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', Buffer.concat([be(width, 4), be(height, 4), Buffer.from([1, 0, 0, 0, 0])])),
    ...Array.from({ length: frames }, () => chunk('fcTL', Buffer.alloc(26))),
    chunk('IDAT', data),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

/** Returns a GIF with one black pixel in each frame that says more. @param frames sizes of its frames */
export function gif({ width, height }: Size, frames: Size[]): Buffer {
  const frame = (size: Size) =>
    Buffer.concat([
      Buffer.from([0x21, 0xf9, 4, 0, 0, 0, 0, 0, 0x2c]),
      le(0, 4),
      le(size.width, 2),
      le(size.height, 2),
      Buffer.from([0, 2, 2, 0x44, 1, 0]),
    ])
  const head = [
    Buffer.from('GIF89a'),
    le(width, 2),
    le(height, 2),
    Buffer.from([0x80, 0, 0, 0, 0, 0, 255, 255, 255]),
  ]
  return Buffer.concat([...head, ...frames.map(frame), Buffer.from([0x3b])])
}

/** Returns the beginning of a JPEG, with data before its size, and a number of scans. */
export function jpeg({ width, height }: Size, scans = 1): Buffer {
  const segment = (mark: number, data: Buffer) =>
    Buffer.concat([Buffer.from([0xff, mark]), be(data.length + 2, 2), data])
  return Buffer.concat([
    Buffer.from([0xff, 0xd8]),
    segment(0xe1, Buffer.alloc(60_000, 0xc0)),
    // Fill bytes.
    Buffer.from([0xff, 0xff]),
    segment(0xc4, Buffer.alloc(30)),
    segment(
      0xc2,
      Buffer.concat([Buffer.from([8]), be(height, 2), be(width, 2), Buffer.from([1, 1, 0x11, 0])]),
    ),
    ...Array.from({ length: scans }, () => segment(0xda, Buffer.alloc(8))),
    Buffer.from([0xff, 0xd9]),
  ])
}

/** Returns the beginning of a WebP with several frames. */
export function webp({ width, height }: Size, frames: number): Buffer {
  const chunk = (name: string, data: Buffer) => Buffer.concat([Buffer.from(name), le(data.length, 4), data])
  const canvas = chunk('VP8X', Buffer.concat([Buffer.alloc(4), le(width - 1, 3), le(height - 1, 3)]))
  const body = [canvas, ...Array.from({ length: frames }, () => chunk('ANMF', Buffer.alloc(16)))]
  return Buffer.concat([Buffer.from('RIFF'), le(0, 4), Buffer.from('WEBP'), ...body])
}
