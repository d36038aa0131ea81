// Needs: dpkg-deb, git, x86_64-linux-gnu-strip
import { createHash } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { acquireLock, LockHeldError } from '../../src/platform/lock.ts'
import { until } from './wait.ts'

/** Timeout, in milliseconds, for two executables of 110 MB, each stripped, injected, and compressed twice. */
const BUILD_MS = 10 * 60_000

const root = fileURLToPath(new URL('../..', import.meta.url))
const cache = join(root, 'node_modules/.cache/release')

/**
 * Returns the folder of a release. `npm run release` makes it from the present build, once for all tests. The
 * folder has `install.sh`, `latest`, and a folder for the version.
 * @param platform `linux-x64` or `linux-arm64`
 */
export async function realRelease(platform: string): Promise<string> {
  const made = join(cache, `${platform}-${fingerprint()}`)
  if (existsSync(made)) return made
  mkdirSync(cache, { recursive: true })
  const release = await until(() => existsSync(made) || tryLock(join(cache, 'lock')), {
    timeoutMs: BUILD_MS,
    what: 'a release being made by another test',
  })
  if (release === true) return made
  const temp = mkdtempSync(join(cache, 'make-'))
  try {
    if (existsSync(made)) return made
    for (const name of readdirSync(cache))
      if (name.startsWith(`${platform}-`)) rmSync(join(cache, name), { recursive: true, force: true })
    const args = [join(root, 'packaging/release.ts'), '--dry-run', '--out', temp, platform]
    await execa(process.execPath, args, { timeout: BUILD_MS })
    // Another system mounts the folder. There, every user must be able to read it.
    chmodSync(temp, 0o755)
    renameSync(temp, made)
  } finally {
    rmSync(temp, { recursive: true, force: true })
    release()
  }
  return made
}

function fingerprint(): string {
  const hash = createHash('sha256')
  for (const path of [
    'dist/index.js',
    'installer/install.sh',
    'package.json',
    ...globSync(['packaging/*.ts', 'packaging/deb/*'], { cwd: root }).sort(),
  ])
    hash.update(readFileSync(join(root, path)))
  return hash.digest('hex').slice(0, 16)
}

function tryLock(path: string) {
  try {
    return acquireLock(path)
  } catch (error) {
    if (error instanceof LockHeldError) return undefined
    throw error
  }
}
