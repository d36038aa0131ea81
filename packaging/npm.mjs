import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))

const SIGNALS = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])

/** An obstacle for the person at the terminal, and its remedy. Shown without a stack. */
export class Problem extends Error {
  /**
   * Signal that ended npm: one of `SIGNALS`.
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
 * Options of the npm command that runs this reach the npm commands below it through the environment. These would make
 * them do something else: `npm pack --dry-run`, `npm install --global .`, `npm ci --omit=dev`.
 */
const REGARDLESS = [
  '--dry-run=false',
  '--global=false',
  '--location=project',
  '--json=false',
  '--workspaces=false',
]

const REMEDY =
  'It needs the npm registry: check the network, or the registry and proxy that `npm config list` shows. ' +
  'If it says that package.json and the lock file differ, run npm install.'

/**
 * @template T
 * @param {(signal: NodeJS.Signals) => void} listener called for each signal that asks this process to end
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
 * Does work that cleans up after itself. A signal ends this process once the work has ended, not before.
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
    // A terminal's signal may end npm before this process has dealt with its own.
    if (error instanceof Problem) received ??= error.signal
    throw error
  } finally {
    if (received) process.kill(process.pid, received)
  }
}

/**
 * Runs the npm that started this script, or else the one on PATH. Shows its errors, and passes signals on to it.
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
        throw new Problem(`npm could not be started: ${message}`, 'Install npm 9.2 or newer.')
      }),
  )
  if (status === 0) return
  const how = signal === null ? `exit code ${status}` : signal
  const problem = new Problem(`npm ${args[0]} failed (${how}); what it said is above.`, REMEDY)
  problem.signal = SIGNALS.find((each) => each === signal)
  throw problem
}
