/**
 * Gets a checkout ready to build: installs what package-lock.json says unless it is there already. Runs on any Node from
 * 18 on, before anything is installed, hence plain JavaScript and no imports but Node's.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Runs TypeScript as it is. */
const DEVELOPMENT_NODE = [22, 18]

const root = fileURLToPath(new URL('..', import.meta.url))
const bin = join(root, 'node_modules/.bin')
const say = (/** @type {string} */ text) => process.stderr.write(`${text}\n`)

/**
 * @typedef {{ version?: string, optional?: boolean }} Entry
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

/** npm writes down what it has installed, last of all: a torn installation has no such file. */
function installed() {
  const wanted = packages('package-lock.json')
  const there = packages('node_modules/.package-lock.json')
  if (!wanted || !there) return false
  return Object.entries(wanted).every(([path, { version, optional }]) => {
    const entry = there[path]
    // Packages of other platforms are optional, and not installed here.
    return entry ? entry.version === version : optional === true
  })
}

/** npm as it runs this script, or the one on PATH. */
function npm(/** @type {string[]} */ args) {
  const script = process.env.npm_execpath
  const options = /** @type {const} */ ({ cwd: root, stdio: ['ignore', 2, 2] })
  return script?.endsWith('.js')
    ? spawnSync(process.execPath, [script, ...args], options)
    : spawnSync('npm', args, options)
}

function install() {
  say('Installing the development dependencies with npm ci …')
  const start = Date.now()
  const { status, error } = npm(['ci', '--no-audit', '--no-fund', '--loglevel=error'])
  if (error) fail(`npm could not be started: ${error.message}`, 'Install npm 10 or newer.')
  if (status !== 0)
    fail(
      `npm ci failed (exit code ${status}); what it said is above.`,
      'It needs the npm registry: check the network, or the registry and proxy that `npm config list` shows. ' +
        'If it says that package.json and the lock file differ, run npm install.',
    )
  say(`Installed in ${Math.round((Date.now() - start) / 1000)} s.`)
}

/** The build runs on the project's own Node where there is one for this platform, else on the user's. */
function checkNode() {
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ''}` }
  const { stdout } = spawnSync('node', ['--version'], { env, encoding: 'utf8' })
  const [major = 0, minor = 0] = (stdout ?? '').replace('v', '').split('.').map(Number)
  const [needMajor, needMinor] = /** @type {[number, number]} */ (DEVELOPMENT_NODE)
  if (major > needMajor || (major === needMajor && minor >= needMinor)) return
  fail(
    `Building from source needs Node ${needMajor}.${needMinor} or newer; this is ${stdout?.trim() || 'none'}.`,
    `Install a newer Node: ${process.platform}-${process.arch} has none among this project's packages.`,
  )
}

function fail(/** @type {string} */ problem, /** @type {string} */ remedy) {
  say(`\n${problem}\n${remedy}`)
  process.exit(1)
}

if (!installed()) install()
checkNode()
