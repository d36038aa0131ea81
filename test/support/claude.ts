import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { acquireLock, LockHeldError } from '../../src/platform/lock.ts'
import { until } from './wait.ts'

/** The Claude Code the tests are written against: what it says differs from version to version. */
const CLAUDE_VERSION = process.env.TEST_CLAUDE_VERSION ?? '2.1.332'
/** A download of 80 MB, unpacked to 245 MB, on a slow line. */
const INSTALL_MS = 10 * 60_000

const cache = fileURLToPath(new URL('../../node_modules/.cache/claude-code', import.meta.url))

const arch = () => (process.arch === 'arm64' ? 'arm64' : 'x64')

/** Its package for this platform alone: the other one only picks it, and needs a script to do so. */
export const claudePackage = () => `@anthropic-ai/claude-code-linux-${arch()}`

/** Path of the real Claude Code, installed on first use. Tests that run at once share one installation. */
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
 * Environment of a Claude Code that talks to a stand-in of its API and to nothing else, and keeps what it keeps in `home`.
 */
export const claudeEnvironment = (apiUrl: string, home: string): Record<string, string> => ({
  PATH: process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin',
  HOME: home,
  ANTHROPIC_BASE_URL: apiUrl,
  ANTHROPIC_API_KEY: 'test',
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
  // Tests run as root, too, where Claude Code refuses some modes outside a sandbox.
  IS_SANDBOX: '1',
})
