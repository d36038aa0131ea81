import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'

/**
 * Timeout of an installation, in milliseconds: long enough for a tool with some hundred dependencies on a
 * slow connection.
 */
const INSTALL_MS = 5 * 60_000

const cache = fileURLToPath(new URL('../../node_modules/.cache/tools', import.meta.url))

/** Older versions of npm cannot install a package with an override: "Invalid comparator". */
const NPM = '10.9.9'

/**
 * Returns the folder `node_modules` with a tool that only some tests need. The tool is installed on first
 * use.
 */
export async function testTool(name: string, version: string): Promise<string> {
  const installed = join(cache, `${name}-${version}`)
  const modules = join(installed, 'node_modules')
  if (existsSync(modules)) return modules
  mkdirSync(cache, { recursive: true })
  const temp = mkdtempSync(join(cache, 'install-'))
  try {
    // verdaccio depends on a version of node-fetch that was withdrawn.
    writeFileSync(join(temp, 'package.json'), '{"private":true,"overrides":{"node-fetch":"2.7.0"}}')
    const args = ['install', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts']
    await npm(name, [...args, `${name}@${version}`], temp)
    renameSync(temp, installed)
  } catch (error) {
    // Another test may have installed the tool first.
    if (!existsSync(modules)) throw error
  } finally {
    rmSync(temp, { recursive: true, force: true })
  }
  return modules
}

/**
 * Runs version `NPM` of npm in a folder, with the settings of the npm on PATH. To install version `NPM`
 * itself, runs the npm on PATH.
 */
async function npm(tool: string, args: string[], cwd: string) {
  const options = { cwd, timeout: INSTALL_MS }
  if (tool === 'npm') return execa('npm', args, options)
  const script = join(await testTool('npm', NPM), 'npm/bin/npm-cli.js')
  const { stdout: npm_config_globalconfig } = await execa('npm', ['config', 'get', 'globalconfig'])
  return execa(process.execPath, [script, ...args], { ...options, env: { npm_config_globalconfig } })
}
