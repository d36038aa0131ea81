import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname, join, normalize, sep } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { Parser, type ReadEntry } from 'tar'
import { makeFolder } from '../platform/files.ts'
import { UpdateFailure } from './failure.ts'
import type { UnpackedFile } from './manifest.ts'

/** Of one package: an executable with Node in it is about 110 MB. */
const UNPACKED_BYTES = 1024 * 1024 * 1024
/** Files and folders in one package: it has about ten. */
const ENTRIES = 1000

/**
 * Unpacks a package into `dir`, each file written, synced and read back.
 * @param max number of bytes that the files may have together, counted as they arrive: headers can lie
 * @returns the files by their paths within `dir`
 * @throws UpdateFailure when one is not on the disk as it is in the package
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
    if (bytes > max) throw new Error(`it is over ${max} bytes`)
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
        if (written.length === ENTRIES) return stop(new Error(`there is more in it than ${ENTRIES} files`))
        reading.push(entry)
        written.push(put(entry, dir, files, count).catch(stop))
      },
    })
    parser.on('end', resolve)
    parser.on('error', stop)
    // A stream, though not one of Node's own.
    source.on('error', stop).pipe(parser as unknown as NodeJS.WritableStream)
  })
  await Promise.all(written)
  if (failed === undefined) return files
  if (failed instanceof UpdateFailure || (failed as NodeJS.ErrnoException).syscall) throw failed
  const { message } = failed as Error
  throw new UpdateFailure('update_integrity', 'stage', `The package cannot be unpacked: ${message}`, {
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
  // No package of this program has links; npm unpacks none either.
  if (path === undefined || (entry.type !== 'File' && entry.type !== 'OldFile'))
    throw new Error(`it has ${entry.type} ${entry.path}`)
  const target = join(dir, path)
  const hash = createHash('sha256')
  let size = 0
  makeFolder(dirname(target))
  const file = await open(target, 'wx', 0o600)
  try {
    // Whatever the umask: other users are to run what root has updated, and not to change it.
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
    throw new UpdateFailure('update_disk_full', 'stage', `${target} is not on the disk as it was written.`)
}

/** Without the folder that every package has around it. */
function inside(path: string): string | undefined {
  const [, rest] = /^[^/]+\/(.*)$/s.exec(path) ?? []
  if (rest === undefined) return undefined
  const plain = normalize(rest)
  return plain === '..' || plain.startsWith(`..${sep}`) || plain.startsWith(sep) ? undefined : plain
}
