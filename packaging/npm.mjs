import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))

const SIGNALS = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])

/** A problem that the user can solve, with its remedy. Printed without a stack. */
export class Problem extends Error {
  /**
   * Signal of `SIGNALS` that ended npm.
   * @type {NodeJS.Signals | undefined}
   */
  signal

  /**
   * @param {string} problem
   * @param {string} remedy
   */
  constructor(problem, remedy) {
    super(`${problem}\n${remedy}`)
  }
}

/**
 * Options that override the environment. npm passes its own options (`npm pack --dry-run`, `npm install
 * --global .`) through the environment to the npm commands that this script runs, which they would break.
 */
const REGARDLESS = [
  '--dry-run=false',
  '--global=false',
  '--location=project',
  '--json=false',
  '--workspaces=false',
]

const REMEDY =
  'Check the network, and the registry and proxy that `npm config list` shows. ' +
  'If npm says that package.json and the lock file differ, run npm install.'

/**
 * @template T
 * @param {(signal: NodeJS.Signals) => void} listener called for each of `SIGNALS` during the work
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
async function listening(listener, work) {
  for (const signal of SIGNALS) process.on(signal, listener)
  try {
    return await work()
  } finally {
    for (const signal of SIGNALS) process.off(signal, listener)
  }
}

/**
 * Runs work that must not be interrupted. A signal ends this process only after the work has ended.
 * @template T
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function wholly(work) {
  /** @type {NodeJS.Signals | undefined} */
  let received
  try {
    return await listening((signal) => {
      received = signal
    }, work)
  } catch (error) {
    // A signal from the terminal may end npm before this process has handled it.
    if (error instanceof Problem) received ??= error.signal
    throw error
  } finally {
    if (received) process.kill(process.pid, received)
  }
}

/**
 * Runs the npm that started this script, or else the npm on PATH. Shows its errors and forwards signals to
 * it.
 * @param {string[]} args
 * @throws {Problem} if it fails
 */
export async function npm(args) {
  const { npm_execpath: script = '', npm_node_execpath: node = process.execPath } = process.env
  const whole = [...args, ...REGARDLESS, '--loglevel=error']
  /** @type {import('node:child_process').SpawnOptions} */
  const options = { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] }
  const child =
    basename(script) === 'npm-cli.js'
      ? spawn(node, [script, ...whole], options)
      : spawn('npm', whole, options)
  const [status, signal] = await listening(
    (received) => child.kill(received),
    () =>
      once(child, 'exit').catch(({ message }) => {
        throw new Problem(`cannot start npm: ${message}`, 'Install npm 9.2 or newer.')
      }),
  )
  if (status === 0) return
  const how = signal === null ? `exit code ${status}` : signal
  const problem = new Problem(`npm ${args[0]} failed (${how}); its output is above.`, REMEDY)
  problem.signal = SIGNALS.find((each) => each === signal)
  throw problem
}
