import { closeSync, constants, fstatSync, lstatSync, openSync, readlinkSync, readSync } from 'node:fs'
import { systemCode } from '../platform/errors.ts'
import type { OpenFolder } from '../platform/open-folder.ts'

const FOLDER = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW
/** Opening a pipe would otherwise block until it has a writer. */
const FILE = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/** A file in a folder of an agent. */
export interface Found {
  kind: 'file' | 'link' | 'other'
  /** Size, in bytes. */
  size: number
  isExecutable: boolean
  /** Changes when the file is written. */
  stamp: string
  /** Content, or the target of a link; absent if the file is larger than the limit. */
  content?: Buffer
}

export interface ReadOptions {
  /** Maximum size of a file that is read, in bytes. */
  most: number
  /** Reports whether the agent's user may read an open file. */
  mayRead(fd: number): boolean
}

/**
 * Reads a file in a folder. Never follows a link on the way to the file: each folder is opened in the folder
 * above, so that nobody can replace a folder with a link in the meantime. (On systems other than Linux, the
 * folders are opened by their paths.)
 * @param path path in the folder, with one character per byte
 * @returns undefined if there is no such file; `forbidden` if the user may not read it
 */
export function readInside(
  folder: OpenFolder,
  path: string,
  { most, mayRead }: ReadOptions,
): Found | 'forbidden' | undefined {
  const names = path.split('/')
  if (names.some((name) => ['', '.', '..'].includes(name))) return undefined
  const last = names.pop()!
  let at: Buffer<ArrayBufferLike> = Buffer.from(folder.entry)
  let above: number | undefined
  let fd: number | undefined
  try {
    for (const name of names) {
      const next = openSync(child(at, name), FOLDER)
      if (above !== undefined) closeSync(above)
      above = next
      at = process.platform === 'linux' ? Buffer.from(`/proc/self/fd/${next}`) : child(at, name)
    }
    const place = child(at, last)
    const stat = lstatSync(place)
    const facts = {
      size: stat.size,
      isExecutable: (stat.mode & 0o100) !== 0,
      stamp: `${stat.size}:${stat.mtimeMs}:${stat.ctimeMs}`,
    }
    if (stat.isSymbolicLink())
      return { ...facts, kind: 'link', content: readlinkSync(place, { encoding: 'buffer' }) }
    if (!stat.isFile()) return { ...facts, kind: 'other' }
    fd = openSync(place, FILE)
    const now = fstatSync(fd)
    if (!now.isFile()) return { ...facts, kind: 'other' }
    const { size } = now
    if (!mayRead(fd)) return 'forbidden'
    if (size > most) return { ...facts, size, kind: 'file' }
    const content = readUpTo(fd, most)
    return { ...facts, size: content?.length ?? size, kind: 'file', ...(content && { content }) }
  } catch (error) {
    const code = systemCode(error) ?? ''
    if (['EACCES', 'EPERM'].includes(code)) return 'forbidden'
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO', 'ENAMETOOLONG', 'EINVAL'].includes(code)) return undefined
    throw error
  } finally {
    for (const each of [above, fd]) if (each !== undefined) closeSync(each)
  }
}

/** @param name with one character per byte */
const child = (folder: Buffer, name: string) =>
  Buffer.concat([folder, Buffer.from('/'), Buffer.from(name, 'latin1')])

/** Returns the content of a file; undefined if it has more than `most` bytes by now. */
function readUpTo(fd: number, most: number): Buffer | undefined {
  const chunks: Buffer[] = []
  let length = 0
  for (;;) {
    const chunk = Buffer.alloc(64 * 1024)
    const got = readSync(fd, chunk, 0, chunk.length, null)
    if (got === 0) return Buffer.concat(chunks)
    length += got
    if (length > most) return undefined
    chunks.push(chunk.subarray(0, got))
  }
}
