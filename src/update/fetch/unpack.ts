import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname, join, normalize, sep } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { Parser } from 'tar/parse'
import type { ReadEntry } from 'tar/read-entry'
import { makeFolder } from '../../platform/files.ts'
import { UpdateFailure } from '../failure.ts'
import type { UnpackedFile } from './manifest.ts'

/** Maximum size of an unpacked package, in bytes. An executable that contains Node has about 110 MB. */
const UNPACKED_BYTES = 1024 * 1024 * 1024
/** Maximum number of files and folders in a package. A package normally has about thirty of them. */
const ENTRIES = 1000

/**
 * Unpacks a package into `dir`: writes and syncs each file, and reads it back.
 * @param max maximum total size of the files, in bytes. The bytes are counted as they arrive, because headers
 * can be false
 * @returns the files by their paths within `dir`
 * @throws UpdateFailure if a file on the disk differs from the file in the package
 */
export async function unpack(
  tarball: string,
  dir: string,
  max = UNPACKED_BYTES,
): Promise<Map<string, UnpackedFile>> {
  const files = new Map<string, UnpackedFile>()
  const written: Promise<void>[] = []
  const reading: ReadEntry[] = []
  const source = createReadStream(tarball)
  let bytes = 0
  let failed: unknown
  const count = (length: number) => {
    bytes += length
    if (bytes > max) throw new Error(`it is larger than ${max} bytes`)
  }
  await new Promise<void>((resolve) => {
    const stop = (error: unknown) => {
      failed ??= error
      source.destroy()
      for (const entry of reading) entry.destroy()
      resolve()
    }
    const parser = new Parser({
      strict: true,
      onReadEntry(entry) {
        if (failed !== undefined) return
        if (written.length === ENTRIES) return stop(new Error(`it contains more than ${ENTRIES} files`))
        reading.push(entry)
        written.push(put(entry, dir, files, count).catch(stop))
      },
    })
    parser.on('end', resolve)
    parser.on('error', stop)
    // The parser is a writable stream, but not an instance of Node's class.
    source.on('error', stop).pipe(parser as unknown as NodeJS.WritableStream)
  })
  await Promise.all(written)
  if (failed === undefined) return files
  if (failed instanceof UpdateFailure || (failed as NodeJS.ErrnoException).syscall) throw failed
  const { message } = failed as Error
  throw new UpdateFailure('update_integrity', 'stage', `Cannot unpack the package: ${message}`, {
    cause: failed,
  })
}

async function put(
  entry: ReadEntry,
  dir: string,
  files: Map<string, UnpackedFile>,
  count: (length: number) => void,
): Promise<void> {
  const path = inside(entry.path)
  if (entry.type === 'Directory') {
    entry.resume()
    return
  }
  // Refuse links: no package of this program has links, and npm does not unpack them either.
  if (path === undefined || (entry.type !== 'File' && entry.type !== 'OldFile'))
    throw new Error(`it contains ${entry.type} ${entry.path}`)
  const target = join(dir, path)
  const hash = createHash('sha256')
  let size = 0
  makeFolder(dirname(target))
  const file = await open(target, 'wx', 0o600)
  try {
    // Set the mode regardless of the umask: other users must be able to run a program that root updated, but
    // not to change it.
    await file.chmod(((entry.mode ?? 0) & 0o111) === 0 ? 0o644 : 0o755)
    for await (const chunk of entry) {
      count(chunk.length)
      hash.update(chunk)
      size += chunk.length
      await file.writeFile(chunk)
    }
    await file.sync()
  } finally {
    await file.close()
  }
  const onDisk = createHash('sha256')
  await pipeline(createReadStream(target), onDisk)
  const digest = hash.digest()
  files.set(path, { size, sha256: digest.toString('hex') })
  if (!onDisk.digest().equals(digest))
    throw new UpdateFailure(
      'update_disk_full',
      'stage',
      `${target} on the disk differs from the data that was written.`,
    )
}

/**
 * Returns a path without the top folder that every package has; undefined if the path leads out of that
 * folder.
 */
function inside(path: string): string | undefined {
  const [, rest] = /^[^/]+\/(.*)$/s.exec(path) ?? []
  if (rest === undefined) return undefined
  const plain = normalize(rest)
  return plain === '..' || plain.startsWith(`..${sep}`) || plain.startsWith(sep) ? undefined : plain
}
