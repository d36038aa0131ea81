import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { npm, Problem, root, wholly } from './npm.mjs'

/**
 * @typedef {object} Package
 * @property {string} name
 * @property {string} version
 * @property {string} [integrity] `sha512-…`; without it, every download is refused
 */

/** Hashes of the npm packages that contain an official Node, by name and version. */
const nodes = JSON.parse(readFileSync(new URL('nodes.json', import.meta.url), 'utf8'))

/**
 * Fetches a package with npm unless its folder exists. Needs the packages of package-lock.json.
 * @param {Package} wanted
 * @param {string} folder for its files
 * @param {string[]} [files] files to extract; default: all
 * @throws {Problem} if the registry lacks it or its hash differs
 */
export async function fetchPackage({ name, version, integrity }, folder, files = []) {
  if (existsSync(folder)) return
  process.stderr.write(`Fetching ${name} ${version} with npm …\n`)
  mkdirSync(dirname(folder), { recursive: true })
  await wholly(async () => {
    const temp = mkdtempSync(join(dirname(folder), '.fetch-'))
    try {
      await npm(['pack', `${name}@${version}`, '--pack-destination', temp, '--prefer-offline', '--silent'])
      const tarball = join(temp, readdirSync(temp)[0] ?? '')
      const hash = `sha512-${createHash('sha512').update(readFileSync(tarball)).digest('base64')}`
      if (hash !== integrity)
        throw new Problem(
          `The registry's ${name}@${version} has the hash ${hash}, not ${integrity}.`,
          'Use a registry that delivers npm packages unchanged; see `npm config get registry`.',
        )
      const { x } = await import('tar')
      const whole = join(temp, 'whole')
      mkdirSync(whole)
      await x(
        { file: tarball, cwd: whole, strip: 1 },
        files.map((file) => `package/${file}`),
      )
      renameSync(whole, folder)
    } catch (error) {
      // Another process may have fetched it first.
      if (!existsSync(folder)) throw error
    } finally {
      rmSync(temp, { recursive: true, force: true })
    }
  })
}

/**
 * Fetches an official Node.
 * @param {string} name name of its package
 * @param {string} version
 * @returns {Promise<string>} path of `bin/node`; LICENSE is next to `bin`
 * @throws {Problem} if the registry lacks it or its hash differs
 */
export async function fetchNode(name, version) {
  const folder = join(root, `node_modules/.cache/official-node/${name}-${version}`)
  await fetchPackage({ name, version, integrity: nodes[name]?.[version] }, folder, ['bin/node', 'LICENSE'])
  return join(folder, 'bin/node')
}
