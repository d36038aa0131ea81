/**
 * Makes the checkout ready, and runs a program of it on the Node of the project:
 *
 *     node packaging/dev.mjs [FILE [ARG...]]
 *
 * Needs nothing but a Node from 18 on and its npm, whatever that npm has put where: hence plain JavaScript, and no
 * imports but Node's until the packages are there.
 */
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { glibc, installDependencies } from './dependencies.mjs'
import { fetchNode } from './fetch.mjs'
import { Problem } from './npm.mjs'

const VERSION = '24.21.0'
/** The first that runs TypeScript as it is. */
const OLDEST = [22, 18]

/**
 * Refuses what npm before 12 does for `npm install --global git+…`: it installs a temporary clone with --global as well,
 * which leaves a link to that clone, and deletes the clone.
 */
function refuseGlobalClone() {
  const { _PACOTE_NO_PREPARE_: temporaryClone, npm_config_global: global } = process.env
  if (temporaryClone && global === 'true')
    throw new Problem(
      'This npm cannot install a repository with --global: it would leave a link to a folder that it deletes.',
      'Pack it first: `npm pack git+URL`, then `npm install --global ./fomular-os-daemon-VERSION.tgz`.',
    )
}

/** The project's own Node, or the user's where that one is not made for this platform. */
async function developmentNode() {
  const { arch, platform, execPath, version } = process
  if (glibc() && (arch === 'x64' || arch === 'arm64')) return fetchNode(`node-linux-${arch}`, VERSION)
  const [major = 0, minor = 0] = version.slice(1).split('.').map(Number)
  const [needMajor = 0, needMinor = 0] = OLDEST
  if (major > needMajor || (major === needMajor && minor >= needMinor)) return execPath
  throw new Problem(
    `Building from source needs Node ${OLDEST.join('.')} or newer on ${platform}-${arch}; this is ${version}.`,
    'Install a newer Node.',
  )
}

/**
 * @param {string} node
 * @param {string[]} args
 */
function run(node, args) {
  const child = spawn(node, args, { stdio: 'inherit' })
  // A terminal sends Ctrl-C to both processes; a signal sent to this one alone is meant for the child.
  process.on('SIGINT', () => {})
  for (const signal of /** @type {const} */ (['SIGTERM', 'SIGHUP']))
    process.on(signal, () => child.kill(signal))
  child.once('error', (error) => {
    process.stderr.write(`${node} could not be started: ${error.message}\n`)
    process.exitCode = 1
  })
  child.once('exit', (code, signal) => {
    process.exitCode = code ?? 128 + (signal ? constants.signals[signal] : 0)
  })
}

try {
  refuseGlobalClone()
  await installDependencies()
  const node = await developmentNode()
  const args = process.argv.slice(2)
  if (args.length > 0) run(node, args)
} catch (error) {
  if (!(error instanceof Problem)) throw error
  process.stderr.write(`\n${error.message}\n`)
  process.exitCode = 1
}
