import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { SHARED_CACHE } from '../../support/shared-cache.ts'

/** Timeout of an installation, in milliseconds: long enough to download 150 MB on a slow connection. */
const INSTALL_MS = 10 * 60_000

/**
 * Returns the path of a program of a package on npm. The package is installed on first use, without its
 * installation scripts.
 * @param program path of the program in the folder `node_modules`
 */
export async function install(name: string, version: string, program: string): Promise<string> {
  const cache = join(SHARED_CACHE, 'peers')
  const installed = join(cache, `${name.replace('/', '+')}-${version}`)
  const path = join(installed, 'node_modules', program)
  if (existsSync(path)) return path
  mkdirSync(cache, { recursive: true })
  const temp = mkdtempSync(join(cache, 'install-'))
  try {
    const args = ['install', '--prefix', temp, '--prefer-offline', '--no-audit', '--no-fund']
    await execa('npm', [...args, '--ignore-scripts', `${name}@${version}`], { timeout: INSTALL_MS })
    if (!existsSync(join(temp, 'node_modules', program)))
      throw new Error(`the package ${name}@${version} does not contain ${program} for this platform`)
    rmSync(installed, { recursive: true, force: true })
    renameSync(temp, installed)
  } finally {
    rmSync(temp, { recursive: true, force: true })
  }
  return path
}
