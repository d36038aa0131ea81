import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { npm, root } from './npm.mjs'

/**
 * @typedef {{ version?: string, optional?: boolean, os?: string | string[], cpu?: string | string[], libc?: string | string[] }} Entry
 * @param {string} path
 * @returns {Record<string, Entry> | undefined}
 */
function packages(path) {
  try {
    const { '': _root, ...rest } = JSON.parse(readFileSync(join(root, path), 'utf8')).packages
    return rest
  } catch {
    return undefined
  }
}

/** Whether Node, and what is built for it, runs on the GNU C library here. */
export const glibc = () =>
  process.platform === 'linux' &&
  'glibcVersionRuntime' in /** @type {{ header: object }} */ (process.report.getReport()).header

/**
 * Whether a package must be here. Of the optional ones, this is sure only of those that are made for this platform.
 * @param {Entry} entry
 */
function required({ optional, os, cpu, libc }) {
  if (!optional) return true
  const fits = (/** @type {string | string[] | undefined} */ wanted, /** @type {string} */ is) =>
    wanted === undefined || [wanted].flat().includes(is)
  return (
    (os ?? cpu) !== undefined &&
    fits(os, process.platform) &&
    fits(cpu, process.arch) &&
    fits(libc, glibc() ? 'glibc' : 'musl')
  )
}

/**
 * Whether the packages of package-lock.json are there, for this platform. npm writes down what it has installed last of
 * all: a torn installation has no such file.
 */
function installed() {
  const wanted = packages('package-lock.json')
  const there = packages('node_modules/.package-lock.json')
  if (!wanted || !there) return false
  return Object.entries(wanted).every(([path, entry]) => {
    const found = there[path]
    return found ? found.version === entry.version : !required(entry)
  })
}

/**
 * Installs the packages of package-lock.json unless they are there. None of them needs its install scripts.
 * @throws {import('./npm.mjs').Problem}
 */
export function installDependencies() {
  if (installed()) return
  process.stderr.write('Installing the development dependencies with npm ci …\n')
  const start = Date.now()
  const options = [
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--package-lock',
    '--include=dev',
    '--include=optional',
  ]
  npm(
    ['ci', ...options],
    'It needs the npm registry: check the network, or the registry and proxy that `npm config list` shows. ' +
      'If it says that package.json and the lock file differ, run npm install.',
  )
  process.stderr.write(`Installed in ${Math.round((Date.now() - start) / 1000)} s.\n`)
}
