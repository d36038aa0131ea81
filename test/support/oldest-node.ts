import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** The oldest Node that package.json's `engines` allows, in the newest build of that minor version. */
export const OLDEST_NODE = '18.19.1'
/** A download of 40 MB on a slow line. */
const INSTALL_MS = 5 * 60_000

const cache = fileURLToPath(new URL('../../node_modules/.cache/node', import.meta.url))

/** Path of that Node, installed on first use. */
export async function oldestNode(): Promise<string> {
  const name = `node-linux-${process.arch === 'arm64' ? 'arm64' : 'x64'}`
  const installed = join(cache, `${name}-${OLDEST_NODE}`)
  const program = join(installed, 'bin/node')
  if (existsSync(program)) return program
  mkdirSync(cache, { recursive: true })
  const temp = mkdtempSync(join(cache, 'install-'))
  try {
    const args = ['install', '--prefix', temp, '--prefer-offline', '--no-audit', '--no-fund', '--no-save']
    await promisify(execFile)('npm', [...args, `${name}@${OLDEST_NODE}`], { timeout: INSTALL_MS })
    renameSync(join(temp, 'node_modules', name), installed)
  } catch (error) {
    // Another test was quicker.
    if (!existsSync(program)) throw error
  } finally {
    rmSync(temp, { recursive: true, force: true })
  }
  return program
}
