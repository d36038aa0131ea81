import * as zlib from 'node:zlib'

/** Node has this function from 20.15 and 22.2 on. */
const native = (zlib as { crc32?: (data: Uint8Array) => number }).crc32

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  return crc
})

/** Returns the CRC-32 of bytes, as in gzip and PNG files. */
export const crc32 = native ?? tableCrc32

export function tableCrc32(data: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of data) crc = (crc >>> 8) ^ TABLE[(crc ^ byte) & 0xff]!
  return (crc ^ 0xffffffff) >>> 0
}
