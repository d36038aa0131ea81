import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { npm, Problem, root } from './npm.mjs'

/** Packages of npm that hold an official Node: versions, and the hash of each. */
const hashes = JSON.parse(readFileSync(new URL('nodes.json', import.meta.url), 'utf8'))
const cache = join(root, 'node_modules/.cache/base-node')

/**
 * Fetches an official Node with npm, unless it is there from before. The packages of package-lock.json must be there.
 * @param {string} name of the package
 * @param {string} version
 * @returns {Promise<string>} path of the program, with its LICENSE beside it
 * @throws {Problem} where the registry does not have it, or delivers something else
 */
export async function fetchNode(name, version) {
  const folder = join(cache, `${name}-${version}`)
  const program = join(folder, 'node')
  if (existsSync(program)) return program
  process.stderr.write(`Fetching Node ${version} (${name}) with npm …\n`)
  mkdirSync(cache, { recursive: true })
  const temp = mkdtempSync(join(cache, 'fetch-'))
  try {
    npm(
      ['pack', `${name}@${version}`, '--pack-destination', temp, '--prefer-offline'],
      'It needs the npm registry: check the network, or the registry and proxy that `npm config list` shows.',
    )
    const tarball = join(temp, readdirSync(temp)[0] ?? '')
    const hash = `sha512-${createHash('sha512').update(readFileSync(tarball)).digest('base64')}`
    const wanted = hashes[name]?.[version]
    if (hash !== wanted)
      throw new Problem(
        `The registry's ${name}@${version} has the hash ${hash}, not ${wanted}.`,
        'Use a registry that delivers npm packages as they are: see `npm config get registry`.',
      )
    const { x } = await import('tar')
    const whole = join(temp, 'whole')
    mkdirSync(whole)
    await x({ file: tarball, cwd: temp, strip: 1 }, ['package/bin/node', 'package/LICENSE'])
    renameSync(join(temp, 'bin/node'), join(whole, 'node'))
    renameSync(join(temp, 'LICENSE'), join(whole, 'LICENSE'))
    renameSync(whole, folder)
  } catch (error) {
    // Another process was quicker.
    if (!existsSync(program)) throw error
  } finally {
    rmSync(temp, { recursive: true, force: true })
  }
  return program
}
