import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { acquireLock, LockHeldError } from '../../src/platform/lock.ts'
import { until } from './wait.ts'

/** Version of Claude Code for which the tests are written. The output differs between versions. */
const CLAUDE_VERSION = process.env.TEST_CLAUDE_VERSION ?? '2.1.332'
/**
 * Timeout of an installation, in milliseconds: long enough to download 80 MB on a slow connection, and to
 * unpack 245 MB.
 */
const INSTALL_MS = 10 * 60_000

const cache = fileURLToPath(new URL('../../node_modules/.cache/claude-code', import.meta.url))

const arch = () => (process.arch === 'arm64' ? 'arm64' : 'x64')

/**
 * Name of the package for this platform. The tests install it directly, because the main package selects it
 * with an installation script, and the tests do not run such scripts.
 */
export const claudePackage = () => `@anthropic-ai/claude-code-linux-${arch()}`

/**
 * Returns the path of the real Claude Code, which is installed on first use. Concurrent tests share one
 * installation.
 */
export async function claudeProgram(): Promise<string> {
  const installed = join(cache, `${CLAUDE_VERSION}-${arch()}`)
  const program = join(installed, 'claude')
  if (existsSync(program)) return program
  mkdirSync(cache, { recursive: true })
  const release = await until(() => existsSync(program) || tryLock(join(cache, 'lock')), {
    timeoutMs: INSTALL_MS,
    what: 'the installation of Claude Code by another test',
  })
  if (release === true) return program
  try {
    if (!existsSync(program)) await install(claudePackage(), installed)
  } finally {
    release()
  }
  return program
}

function tryLock(path: string) {
  try {
    return acquireLock(path)
  } catch (error) {
    if (error instanceof LockHeldError) return undefined
    throw error
  }
}

async function install(name: string, target: string) {
  const temp = mkdtempSync(join(cache, 'install-'))
  try {
    const args = ['install', '--prefix', temp, '--prefer-offline', '--no-audit', '--no-fund', '--no-save']
    await promisify(execFile)('npm', [...args, '--ignore-scripts', `${name}@${CLAUDE_VERSION}`], {
      timeout: INSTALL_MS,
    })
    renameSync(join(temp, 'node_modules', name), target)
  } finally {
    rmSync(temp, { recursive: true, force: true })
  }
}

/**
 * Returns an environment in which Claude Code talks only to a stand-in for its API, and keeps its files in
 * `home`.
 */
export const claudeEnvironment = (apiUrl: string, home: string): Record<string, string> => ({
  PATH: process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin',
  HOME: home,
  ANTHROPIC_BASE_URL: apiUrl,
  ANTHROPIC_API_KEY: 'test',
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
  // Tests may run as root, and Claude Code then allows some modes only in a sandbox.
  IS_SANDBOX: '1',
})
