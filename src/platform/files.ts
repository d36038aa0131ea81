import {
  accessSync,
  chmodSync,
  close,
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fsync,
  fsyncSync,
  mkdirSync,
  open,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFile,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type * as z from 'zod/mini'
import { systemCode, UserError } from './errors.ts'
import { openOwned } from './open-owned.ts'
import { createPlain, NotPlainError, putInPlace } from './plain-files.ts'
import { identify } from './process-identity.ts'

export { setAside } from './plain-files.ts'

export interface WriteOptions {
  mode?: number
  /** True to make the file survive not only the end of this process, but also a power failure. */
  durable?: boolean
}

/**
 * Replaces a whole file atomically: a reader sees the old content or the new content, never a part, even
 * after a crash.
 */
export function writeAtomic(path: string, data: string, options: WriteOptions = {}) {
  stage(path, data, options).commit()
}

export interface Staged {
  /** Replaces the file. */
  commit(): void
  /** Discards the new content. */
  discard(): void
}

/**
 * Writes a file's new content to a temporary file next to it. If the disk is full, this fails, and the old
 * file stays unchanged. @throws the system's error
 */
export function stage(
  path: string,
  data: string,
  { mode = 0o600, durable = false }: WriteOptions = {},
): Staged {
  const temp = `${path}.${process.pid}.tmp`
  const discard = () => rmSync(temp, { force: true })
  const orDiscard = (run: () => void) => {
    try {
      run()
    } catch (error) {
      discard()
      throw error
    }
  }
  orDiscard(() => {
    const fd = createPlain(temp, mode)
    try {
      // Other users must be able to read it, regardless of the umask.
      if ((mode & 0o077) !== 0) fchmodSync(fd, mode)
      writeFileSync(fd, data)
      if (durable) fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
  })
  return {
    discard,
    commit() {
      orDiscard(() => putInPlace(temp, path))
      if (durable) syncFolder(dirname(path))
    },
  }
}

/**
 * Removes temporary files of killed processes from a folder. Call this before this process writes to the
 * folder: files with its pid count as files of an earlier process.
 * @param sole true if no other process writes there
 */
export function clearTemporary(dir: string, { sole = false } = {}) {
  for (const name of readdirSync(dir)) {
    const [, found] = /\.(\d+)\.tmp$/.exec(name) ?? []
    if (found === undefined) continue
    const pid = Number(found)
    if (sole || pid === process.pid || !identify(pid))
      rmSync(join(dir, name), { recursive: true, force: true })
  }
}

// These functions are from node:fs, because loading node:fs/promises would take a few percent of the
// program's start time.
const promised = {
  open: promisify(open),
  write: promisify(writeFile),
  sync: promisify(fsync),
  close: promisify(close),
}

/** Replaces a file durably, without blocking the event loop. */
export async function writeDurable(path: string, data: string): Promise<void> {
  const temp = `${path}.${process.pid}.tmp`
  const synced = async (fd: number, write = async () => {}) => {
    try {
      await write()
      await promised.sync(fd)
    } finally {
      await promised.close(fd)
    }
  }
  try {
    const fd = createPlain(temp)
    await synced(fd, () => promised.write(fd, data))
    putInPlace(temp, path)
  } catch (error) {
    rmSync(temp, { force: true })
    throw error
  }
  await synced(await promised.open(dirname(path), 'r'))
}

/** Makes renames in a folder survive a power failure. */
export function syncFolder(path: string) {
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

export type ReadResult<T> =
  | { ok: true; value: T }
  | { ok: false; reason: 'missing' }
  | { ok: false; reason: 'damaged'; problem: string }

/**
 * Reads a JSON file of a known shape.
 * @throws UserError if this user may not read it, or the system's error
 */
export function readJson<T>(path: string, schema: z.ZodMiniType<T>): ReadResult<T> {
  let text: string
  try {
    text = readPlain(path)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return { ok: false, reason: 'missing' }
    if (error instanceof NotPlainError) return { ok: false, reason: 'damaged', problem: error.message }
    throw error
  }
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    return { ok: false, reason: 'damaged', problem: (error as Error).message }
  }
  refuseNewer(path, json)
  const parsed = schema.safeParse(json)
  if (parsed.success) return { ok: true, value: parsed.data }
  const issue = parsed.error.issues[0]
  return {
    ok: false,
    reason: 'damaged',
    problem: `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}`,
  }
}

/**
 * Maximum size of a JSON file that is read, in bytes: several times the size of the largest `cursor.json` of
 * an agent.
 */
const JSON_BYTES = 256 * 1024 * 1024

function readPlain(path: string): string {
  const fd = openOwned(path, JSON_BYTES)
  try {
    return readFileSync(fd, 'utf8')
  } finally {
    closeSync(fd)
  }
}

/**
 * Version of the format of every JSON file that this program writes. Files of newer versions are neither read
 * nor changed.
 */
const FORMAT = 1

function refuseNewer(path: string, json: unknown) {
  const version = typeof json === 'object' && json !== null && 'version' in json ? json.version : undefined
  if (typeof version !== 'number' || version <= FORMAT) return
  throw new UserError(
    'state_newer',
    `${path} was written by a newer version (format ${version}; this one knows ${FORMAT}).`,
    {
      remedy: 'Install the newer version again, or use another state folder. The file was not changed.',
    },
  )
}

/**
 * Returns a value that changes when the file at `path` changes or is replaced. Follows links. Empty if there
 * is no file.
 */
export function fingerprint(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false })
  return stat ? `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeMs}` : ''
}

/**
 * Parses one line of a JSON Lines file.
 * @returns undefined if the line is damaged
 * @throws UserError if a newer version wrote it
 */
export function parseJsonLine<T>(path: string, line: string, schema: z.ZodMiniType<T>): T | undefined {
  let json: unknown
  try {
    json = JSON.parse(line)
  } catch {
    return undefined
  }
  refuseNewer(path, json)
  const parsed = schema.safeParse(json)
  return parsed.success ? parsed.data : undefined
}

/**
 * Creates a folder with its parents. All users may read the folder, and only its owner may change it,
 * regardless of the umask.
 */
export function makeFolder(path: string) {
  if (existsSync(path)) return
  makeFolder(dirname(path))
  mkdirSync(path, { recursive: true, mode: 0o755 })
  chmodSync(path, 0o755)
}

/**
 * Reports whether the nearest existing folder of a path is on a read-only disk. mkdir reports ENOENT in this
 * case.
 */
function isReadOnly(path: string): boolean {
  try {
    accessSync(path, constants.W_OK)
    return false
  } catch (error) {
    if (systemCode(error) === 'ENOENT' && dirname(path) !== path) return isReadOnly(dirname(path))
    return systemCode(error) === 'EROFS'
  }
}

/** Creates a folder with its parents. Only the folder's owner can read and write it. @throws UserError */
export function ensurePrivateDir(path: string) {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
    const { mode, uid } = statSync(path)
    // Only root and the folder's owner can change its mode. For example, Kubernetes mounts volumes that root
    // owns.
    if ((mode & 0o077) !== 0 && [0, uid].includes(process.geteuid?.() ?? 0)) chmodSync(path, 0o700)
    accessSync(path, constants.W_OK)
  } catch (error) {
    const readOnly = isReadOnly(path) || systemCode(error) === 'EROFS'
    const why = readOnly ? 'its disk is read-only.' : (error as Error).message
    throw new UserError('folder_unusable', `The folder ${path} cannot be used: ${why}`, {
      remedy: readOnly
        ? 'Mount the disk writable (mount -o remount,rw), or name another folder.'
        : 'Make the folder writable for this user, or name another folder.',
      cause: error,
    })
  }
}
