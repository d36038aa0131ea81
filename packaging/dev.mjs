/**
 * Installs the checkout's dependencies, and runs one of its programs on the project's Node:
 *
 *     node packaging/dev.mjs [FILE [ARG...]]
 *
 * Needs only Node 18 or newer and its npm. It is therefore plain JavaScript, and imports only Node's modules
 * until the packages are installed.
 */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { glibc, installDependencies } from './dependencies.mjs'
import { fetchNode } from './fetch.mjs'
import { Problem } from './npm.mjs'

const VERSION = readFileSync(new URL('../.nvmrc', import.meta.url), 'utf8').trim()
/** The first version of Node that runs TypeScript without a build, as major and minor number. */
const OLDEST = [22, 18]

/**
 * Refuses `npm install --global git+…` with npm before 12: npm installs its temporary clone globally too,
 * which leaves a link to that clone, and then deletes the clone.
 */
function refuseGlobalClone() {
  const { _PACOTE_NO_PREPARE_: temporaryClone, npm_config_global: global } = process.env
  if (temporaryClone && global === 'true')
    throw new Problem(
      'This npm cannot install a repository with --global: it would leave a link to a folder that it deletes.',
      'Pack it first: `npm pack git+URL`, then `npm install --global ./fomular-os-daemon-VERSION.tgz`.',
    )
}

/** Returns the project's Node, or the user's Node on a platform that the project's does not support. */
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
  // A terminal sends Ctrl-C to both processes, so ignore it here. Pass on a signal that only this process
  // gets.
  process.on('SIGINT', () => {})
  for (const signal of /** @type {const} */ (['SIGTERM', 'SIGHUP']))
    process.on(signal, () => child.kill(signal))
  child.once('error', (error) => {
    process.stderr.write(`cannot start ${node}: ${error.message}\n`)
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
