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
  rename,
  renameSync,
  rmSync,
  statSync,
  writeFile,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type * as z from 'zod/mini'
import { systemCode, UserError } from './errors.ts'
import { openOwned } from './owned.ts'
import { identify } from './process-identity.ts'

export interface WriteOptions {
  mode?: number
  /** Survives a power failure, not only the end of this process. */
  durable?: boolean
}

/** Replaces a file as a whole: a reader, or a crash, sees the old content or the new, never a part. */
export function writeAtomic(path: string, data: string, options: WriteOptions = {}) {
  stage(path, data, options).commit()
}

export interface Staged {
  /** Replaces the file. */
  commit(): void
  /** Leaves the file as it is. */
  discard(): void
}

/** Writes the new content of a file beside it: what a full disk refuses is refused here. @throws the system's error */
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
    const fd = openSync(temp, 'w', mode)
    try {
      // Others are to read it, whatever the umask of who writes it.
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
      orDiscard(() => renameSync(temp, path))
      if (durable) syncFolder(dirname(path))
    },
  }
}

/**
 * Takes away what processes that were killed meanwhile had not finished writing in this folder. This process has not
 * begun to write there: what has its pid is from one before.
 * @param sole whether no other process writes there
 */
export function clearTemporary(dir: string, { sole = false } = {}) {
  for (const name of readdirSync(dir)) {
    const [, found] = /\.(\d+)\.tmp$/.exec(name) ?? []
    if (found === undefined) continue
    const pid = Number(found)
    if (sole || pid === process.pid || !identify(pid)) rmSync(join(dir, name), { force: true })
  }
}

// Of node:fs: node:fs/promises takes a few percent of a start to load.
const promised = {
  open: promisify(open),
  write: promisify(writeFile),
  sync: promisify(fsync),
  close: promisify(close),
  rename: promisify(rename),
}

/** Replaces a file durably, without holding up what else there is to do. */
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
    const fd = await promised.open(temp, 'w', 0o600)
    await synced(fd, () => promised.write(fd, data))
    await promised.rename(temp, path)
  } catch (error) {
    rmSync(temp, { force: true })
    throw error
  }
  await synced(await promised.open(dirname(path), 'r'))
}

/** What was renamed in a folder is so after a power failure, too. */
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
 * @throws UserError where this user may not read it, or the system's error
 */
export function readJson<T>(path: string, schema: z.ZodMiniType<T>): ReadResult<T> {
  let text: string
  try {
    text = readPlain(path)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return { ok: false, reason: 'missing' }
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

function readPlain(path: string): string {
  const fd = openOwned(path)
  try {
    return readFileSync(fd, 'utf8')
  } finally {
    closeSync(fd)
  }
}

/** The version of every file format here. A newer one is somebody else's work: it is neither read nor touched. */
const FORMAT = 1

function refuseNewer(path: string, json: unknown) {
  const version = typeof json === 'object' && json !== null && 'version' in json ? json.version : undefined
  if (typeof version !== 'number' || version <= FORMAT) return
  throw new UserError(
    'state_newer',
    `${path} was written by a newer version (format ${version}; this one knows ${FORMAT}).`,
    {
      remedy: 'Install that version again, or use another state folder. The file was left as it is.',
    },
  )
}

/** Tells the file that is at `path` now, links followed, from any that was there before; empty where there is none. */
export function fingerprint(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false })
  return stat ? `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeMs}` : ''
}

/**
 * Reads one line of a file of JSON lines.
 * @returns undefined for a damaged one
 * @throws UserError for one that a newer version has written
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

/** Moves a damaged file or folder out of the way, for somebody to look at. @returns where it is now */
export function setAside(path: string): string {
  const aside = `${path}.damaged-${new Date().toISOString().replace(/[:.]/g, '-')}`
  renameSync(path, aside)
  return aside
}

/** Makes a folder, with its parents, that all may look into and only its owner may change, whatever the umask. */
export function makeFolder(path: string) {
  if (existsSync(path)) return
  makeFolder(dirname(path))
  mkdirSync(path, { recursive: true, mode: 0o755 })
  chmodSync(path, 0o755)
}

/** Whether the nearest folder that is there is on a disk that takes no writes, which mkdir calls ENOENT. */
function isReadOnly(path: string): boolean {
  try {
    accessSync(path, constants.W_OK)
    return false
  } catch (error) {
    if (systemCode(error) === 'ENOENT' && dirname(path) !== path) return isReadOnly(dirname(path))
    return systemCode(error) === 'EROFS'
  }
}

/** Makes a folder, with its parents, that only its owner can look into and write to. @throws UserError */
export function ensurePrivateDir(path: string) {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
    const { mode, uid } = statSync(path)
    // A volume of root's, as Kubernetes mounts it, keeps the mode of whoever owns it.
    if ((mode & 0o077) !== 0 && [0, uid].includes(process.geteuid?.() ?? 0)) chmodSync(path, 0o700)
    accessSync(path, constants.W_OK)
  } catch (error) {
    const readOnly = isReadOnly(path) || systemCode(error) === 'EROFS'
    const why = readOnly ? 'its disk is read-only.' : (error as Error).message
    throw new UserError('folder_unusable', `The folder ${path} cannot be used: ${why}`, {
      remedy: readOnly
        ? 'Mount the disk writable (mount -o remount,rw), or name another folder.'
        : 'Make it writable for this user, or name another.',
      cause: error,
    })
  }
}
