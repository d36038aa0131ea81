import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fetchPackage } from './fetch.mjs'
import { lock } from './lock.mjs'
import { npm, Problem, root, wholly } from './npm.mjs'

/**
 * @typedef {string | string[] | undefined} Names
 * @typedef {{ version: string, integrity?: string, optional?: boolean, os?: Names, cpu?: Names, libc?: Names }} Entry
 * @param {string} path
 * @returns {Record<string, Entry>}
 * @throws {Error} if the file is missing or damaged
 */
function packages(path) {
  const { '': _root, ...rest } = JSON.parse(readFileSync(join(root, path), 'utf8')).packages
  return rest
}

function wantedPackages() {
  try {
    return packages('package-lock.json')
  } catch {
    throw new Problem(
      'package-lock.json is missing or damaged.',
      'Restore it with `git checkout package-lock.json`.',
    )
  }
}

function installedPackages() {
  try {
    // npm writes this file last, so an interrupted installation lacks it.
    return packages('node_modules/.package-lock.json')
  } catch {
    return {}
  }
}

/** Reports whether this Node uses the GNU C library. */
export const glibc = () =>
  process.platform === 'linux' &&
  'glibcVersionRuntime' in /** @type {{ header: object }} */ (process.report.getReport()).header

/**
 * Reports whether a package is required. An optional package is required only if it names this platform.
 * @param {Entry} entry
 */
function required({ optional, os, cpu, libc }) {
  if (!optional) return true
  const fits = (/** @type {Names} */ wanted, /** @type {string} */ is) =>
    wanted === undefined || [wanted].flat().includes(is)
  return (
    (os ?? cpu) !== undefined &&
    fits(os, process.platform) &&
    fits(cpu, process.arch) &&
    fits(libc, glibc() ? 'glibc' : 'musl')
  )
}

/**
 * Returns the required packages of package-lock.json that are not installed, with their folders.
 * @returns {[path: string, entry: Entry][]}
 */
function missing() {
  const there = installedPackages()
  return Object.entries(wantedPackages()).filter(([path, entry]) => {
    const found = there[path]
    return found ? found.version !== entry.version : required(entry) && !fetched(path, entry)
  })
}

/**
 * @param {string} path
 * @param {Entry} entry
 */
function fetched(path, { version }) {
  try {
    return JSON.parse(readFileSync(join(root, path, 'package.json'), 'utf8')).version === version
  } catch {
    return false
  }
}

async function ci() {
  process.stderr.write('Installing the development dependencies with npm ci …\n')
  const start = Date.now()
  const options = [
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--package-lock',
    '--bin-links',
    '--include=dev',
    '--include=optional',
  ]
  await npm(['ci', ...options])
  process.stderr.write(`Installed in ${Math.round((Date.now() - start) / 1000)} s.\n`)
}

/**
 * Installs missing packages of package-lock.json, without running their install scripts: none needs them.
 * @throws {import('./npm.mjs').Problem}
 */
export async function installDependencies() {
  const wanting = () => missing().some(([, { optional }]) => !optional)
  if (wanting()) {
    const unlock = await lock()
    await wholly(async () => {
      try {
        // Another process may have installed them in the meantime.
        if (wanting()) await ci()
      } finally {
        unlock()
      }
    })
  }
  // npm skips optional packages that do not support the Node that npm itself runs on.
  for (const [path, entry] of missing()) {
    const folder = join(root, path)
    rmSync(folder, { recursive: true, force: true })
    await fetchPackage({ ...entry, name: path.slice(path.lastIndexOf('node_modules/') + 13) }, folder)
  }
}
