// Needs: root, debootstrap
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { acquireLock, LockHeldError } from '../../src/platform/lock.ts'
import { chrooted } from './chroot.ts'
import { SHARED_CACHE } from './shared-cache.ts'
import { until } from './wait.ts'

export type DebianRelease = 'bookworm' | 'trixie'

export interface DebianOptions {
  /** Debian 12 or 13. */
  release?: DebianRelease
  /** Additional packages. Packages that they recommend are not installed. */
  packages?: readonly string[]
}

/** Timeout for installing Debian, in milliseconds: long enough to download 240 MB on a slow connection. */
const INSTALL_MS = 10 * 60_000

/**
 * Returns a folder that contains a Debian system, which is installed on first use. The folder is read-only:
 * use `overlay` to write.
 * @throws Error if this machine cannot install Debian
 */
export async function debianRoot({ release = 'bookworm', packages = [] }: DebianOptions): Promise<string> {
  const hash = createHash('sha256')
    .update([...packages].sort().join())
    .digest('hex')
    .slice(0, 8)
  const root = join(SHARED_CACHE, `debian-${release}-${hash}`)
  if (existsSync(root)) return root
  needDebootstrap()
  mkdirSync(SHARED_CACHE, { recursive: true })
  const unlock = await until(() => existsSync(root) || tryLock(join(SHARED_CACHE, 'lock')), {
    timeoutMs: INSTALL_MS,
    what: 'the installation of Debian by another test',
  })
  if (unlock === true) return root
  const temp = mkdtempSync(join(SHARED_CACHE, 'debian-'))
  try {
    if (existsSync(root)) return root
    await make(join(temp, 'root'), release, packages)
    renameSync(join(temp, 'root'), root)
  } finally {
    rmSync(temp, { recursive: true, force: true })
    unlock()
  }
  return root
}

async function make(root: string, release: DebianRelease, packages: readonly string[]) {
  await execa('debootstrap', ['--variant=minbase', release, root], { timeout: INSTALL_MS })
  copyFileSync('/etc/resolv.conf', join(root, 'etc/resolv.conf'))
  const [file, ...args] = chrooted(root, [
    'apt-get',
    'install',
    '--yes',
    '--no-install-recommends',
    ...packages,
  ])
  await execa(file, args, {
    timeout: INSTALL_MS,
    env: { DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' },
  })
}

function needDebootstrap() {
  if (process.getuid?.() !== 0) throw new Error('These tests install Debian in a folder. Run them as root.')
  try {
    execFileSync('sh', ['-c', 'command -v debootstrap'])
  } catch {
    throw new Error('debootstrap is not installed: apt-get install debootstrap')
  }
}

function tryLock(path: string) {
  try {
    return acquireLock(path)
  } catch (error) {
    if (error instanceof LockHeldError) return undefined
    throw error
  }
}
