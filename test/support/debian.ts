import { execFile, execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { acquireLock, LockHeldError } from '../../src/platform/lock.ts'
import { until } from './wait.ts'

const RELEASE = 'bookworm'
/** Systemd as on a server, with what lets users have one of their own, and what people download with. */
const PACKAGES = ['systemd', 'systemd-sysv', 'dbus', 'libpam-systemd', 'dbus-user-session', 'curl']
/** Download and unpacking of 240 MB on a slow line. */
const INSTALL_MS = 10 * 60_000

/** Outside the checkout: it is the same for all of them, and takes half a minute to make. */
const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'fomular-daemon-test')

/**
 * A Debian with systemd as a folder, made on first use. It is not to be written to: see `bootDebian`.
 * @throws Error where this machine cannot make one
 */
export async function debianRoot(): Promise<string> {
  // Of other packages, it is another one.
  const packages = createHash('sha256').update(PACKAGES.join()).digest('hex').slice(0, 8)
  const root = join(cache, `debian-${RELEASE}-${packages}`)
  if (existsSync(root)) return root
  for (const program of ['debootstrap', 'systemd-nspawn']) need(program)
  mkdirSync(cache, { recursive: true })
  const release = await until(() => existsSync(root) || tryLock(join(cache, 'lock')), {
    timeoutMs: INSTALL_MS,
    what: 'a Debian being made by another test',
  })
  if (release === true) return root
  const temp = mkdtempSync(join(cache, 'debian-'))
  try {
    if (existsSync(root)) return root
    const args = ['--variant=minbase', `--include=${PACKAGES.join(',')}`, RELEASE, join(temp, 'root')]
    await promisify(execFile)('debootstrap', args, { timeout: INSTALL_MS, maxBuffer: 64 * 1024 * 1024 })
    renameSync(join(temp, 'root'), root)
  } finally {
    rmSync(temp, { recursive: true, force: true })
    release()
  }
  return root
}

function need(program: string) {
  if (process.getuid?.() !== 0)
    throw new Error(
      'These tests boot a Debian with systemd-nspawn, for which they must run as root. As another user: npm run test:unit',
    )
  try {
    execFileSync('sh', ['-c', `command -v ${program}`])
  } catch {
    throw new Error(`${program} is not installed: apt-get install systemd-container debootstrap`)
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
