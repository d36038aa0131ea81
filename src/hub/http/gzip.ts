import { pipeline } from 'node:stream/promises'
import { constants, createGzip } from 'node:zlib'
import type { Context } from 'hono'

/**
 * Compression level. Statuses repeat so much that the fastest level already compresses them well, and the
 * threads that compress also write activity to the disk.
 */
const LEVEL = 1

/** Reports whether a client accepts compressed answers. */
export const acceptsGzip = (c: Context): boolean =>
  (c.req.header('accept-encoding') ?? '')
    .split(',')
    .some((each) => /^gzip(;q=(1|0\.0*[1-9]).*)?$/i.test(each.replace(/\s/g, '')))

/** Compresses text in another thread. Each piece is compressed independently of the other pieces. */
export async function gzip(pieces: Buffer[]): Promise<Buffer> {
  const compressed: Buffer[] = []
  await pipeline(
    pieces,
    createGzip({ level: LEVEL, flush: constants.Z_FULL_FLUSH }),
    async (chunks: AsyncIterable<Buffer>) => {
      for await (const chunk of chunks) compressed.push(chunk)
    },
  )
  return Buffer.concat(compressed)
}
