import { createHash } from 'node:crypto'
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs'
import { dirname, join, normalize, sep } from 'node:path'
import { Parser } from 'tar'
import { systemCode } from '../platform/errors.ts'
import { UpdateFailure } from './failure.ts'

/** Of one package: an executable with Node in it is about 110 MB. */
const UNPACKED_BYTES = 1024 * 1024 * 1024

const sha256 = (data: Buffer) => createHash('sha256').update(data).digest('hex')

/** Checks a package against the registry's word for it. @throws UpdateFailure */
export function checkIntegrity(tarball: Buffer, integrity: string) {
  // Several hashes may be there; sha512 is the one npm gives to every package.
  const [, expected] = /(?:^|\s)sha512-([A-Za-z0-9+/]+=*)/.exec(integrity) ?? []
  if (expected === undefined)
    throw new UpdateFailure('update_integrity', 'verify', 'The registry gives no sha512 for this package.')
  const actual = createHash('sha512').update(tarball).digest('base64')
  if (actual !== expected)
    throw new UpdateFailure(
      'update_integrity',
      'verify',
      `The package is not the one the registry promises: its sha512 is ${actual}, not ${expected}.`,
    )
}

/**
 * Unpacks a package into `dir`, each file written, synced and read back.
 * @throws UpdateFailure when one is not on the disk as it is in the package
 */
export async function unpack(tarball: Buffer, dir: string): Promise<void> {
  let bytes = 0
  try {
    for (const { path, mode, data } of await entriesOf(tarball)) {
      bytes += data.length
      if (bytes > UNPACKED_BYTES)
        throw new UpdateFailure('update_integrity', 'stage', `The package is over ${UNPACKED_BYTES} bytes.`)
      const target = join(dir, path)
      mkdirSync(dirname(target), { recursive: true })
      write(target, data, (mode & 0o111) === 0 ? 0o644 : 0o755)
      if (sha256(readFileSync(target)) !== sha256(data))
        throw new UpdateFailure(
          'update_disk_full',
          'stage',
          `${target} is not on the disk as it was written.`,
        )
    }
  } catch (error) {
    throw diskFailure(error)
  }
}

/** A full disk in the words of an update; anything else as it is. */
export function diskFailure(error: unknown, stage: 'download' | 'stage' | 'switch' = 'stage'): unknown {
  const code = systemCode(error)
  return code === 'ENOSPC' || code === 'EDQUOT'
    ? new UpdateFailure('update_disk_full', stage, 'The disk is full.', {
        remedy: 'Make room on it.',
        cause: error,
      })
    : error
}

interface Entry {
  path: string
  mode: number
  data: Buffer
}

function entriesOf(tarball: Buffer): Promise<Entry[]> {
  return new Promise((resolve, reject) => {
    const entries: Entry[] = []
    const parser = new Parser({
      strict: true,
      onReadEntry(entry) {
        const chunks: Buffer[] = []
        entry.on('data', (chunk: Buffer) => chunks.push(chunk))
        entry.on('end', () => {
          const path = inside(entry.path)
          if (path === undefined)
            parser.abort(new Error(`the package has a file outside of itself: ${entry.path}`))
          else if (entry.type === 'File' || entry.type === 'OldFile')
            entries.push({ path, mode: entry.mode ?? 0, data: Buffer.concat(chunks) })
          // No package of this program has links; npm unpacks none either.
          else if (entry.type !== 'Directory')
            parser.abort(new Error(`the package has a ${entry.type}: ${entry.path}`))
        })
      },
    })
    parser.on('error', (cause: Error) =>
      reject(
        new UpdateFailure('update_integrity', 'stage', `The package cannot be unpacked: ${cause.message}`, {
          cause,
        }),
      ),
    )
    parser.on('end', () => resolve(entries))
    parser.end(tarball)
  })
}

/** Without the folder that every package has around it. */
function inside(path: string): string | undefined {
  const [, rest] = /^[^/]+\/(.*)$/s.exec(path) ?? []
  if (rest === undefined) return ''
  const plain = normalize(rest)
  return plain === '..' || plain.startsWith(`..${sep}`) || plain.startsWith(sep) ? undefined : plain
}

function write(path: string, data: Buffer, mode: number) {
  const fd = openSync(path, 'wx', mode)
  try {
    for (let done = 0; done < data.length; ) done += writeSync(fd, data, done)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
