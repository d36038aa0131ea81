import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const PM2_VERSION = '7.0.4'
const INSTALL_MS = 5 * 60_000

const cache = fileURLToPath(new URL('../../node_modules/.cache/pm2', import.meta.url))

/** Folder with the real pm2 in it, as PATH would have it; installed on first use. */
export async function pm2Folder(): Promise<string> {
  const installed = join(cache, PM2_VERSION)
  const bin = join(installed, 'node_modules/.bin')
  if (existsSync(bin)) return bin
  mkdirSync(cache, { recursive: true })
  const temp = mkdtempSync(join(cache, 'install-'))
  try {
    const args = ['install', '--prefix', temp, '--prefer-offline', '--no-audit', '--no-fund', '--no-save']
    await promisify(execFile)('npm', [...args, '--ignore-scripts', `pm2@${PM2_VERSION}`], {
      timeout: INSTALL_MS,
    })
    renameSync(temp, installed)
  } catch (error) {
    rmSync(temp, { recursive: true, force: true })
    // Another test was quicker.
    if (!existsSync(bin)) throw error
  }
  return bin
}
