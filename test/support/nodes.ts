import { execFile } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { testTool } from './tool.ts'

/** The newest patch release of the oldest version of Node that `engines` in package.json allows. */
const OLDEST_NODE = '18.19.1'
/** Timeout of an installation, in milliseconds: long enough for 40 MB on a slow connection. */
const INSTALL_MS = 5 * 60_000

const cache = fileURLToPath(new URL('../../node_modules/.cache/node', import.meta.url))

export const oldestNode = () => nodeOf(OLDEST_NODE)

/** Copies a Node executable into a folder that every user can read, because this checkout may be private. */
export function reachable(node: string, dir: string): string {
  const path = join(dir, 'bin/node')
  mkdirSync(dirname(path))
  try {
    linkSync(node, path)
  } catch {
    // `dir` is on another file system.
    copyFileSync(node, path)
  }
  chmodSync(path, 0o755)
  return path
}

/** Returns the path of the Node executable of this version. On first use, installs this version with npm. */
export async function nodeOf(version: string): Promise<string> {
  const name = `node-linux-${process.arch === 'arm64' ? 'arm64' : 'x64'}`
  const installed = join(cache, `${name}-${version}`)
  const program = join(installed, 'bin/node')
  if (existsSync(program)) return program
  mkdirSync(cache, { recursive: true })
  const temp = mkdtempSync(join(cache, 'install-'))
  try {
    const args = ['install', '--prefix', temp, '--prefer-offline', '--no-audit', '--no-fund', '--no-save']
    await promisify(execFile)('npm', [...args, `${name}@${version}`], { timeout: INSTALL_MS })
    renameSync(join(temp, 'node_modules', name), installed)
  } catch (error) {
    // Another test may have installed this version first.
    if (!existsSync(program)) throw error
  } finally {
    rmSync(temp, { recursive: true, force: true })
  }
  return program
}

/**
 * Returns the path of a Node executable with this version of npm next to it, as in an official release of
 * Node. A new version of npm does not run on an old version of Node.
 */
export async function nodeWithNpm(version: string, npm: string): Promise<string> {
  const program = await nodeOf(version)
  const script = join(await testTool('npm', npm), 'npm/bin/npm-cli.js')
  const path = join(dirname(program), 'npm')
  const temp = `${path}.${process.pid}`
  writeFileSync(temp, `#!/bin/sh\nexec '${program}' '${script}' "$@"\n`)
  chmodSync(temp, 0o755)
  renameSync(temp, path)
  return program
}
