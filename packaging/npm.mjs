import { spawnSync } from 'node:child_process'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))

/** What keeps a person from going on, and what to do about it. Shown without a stack. */
export class Problem extends Error {
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
 * Runs npm: the one that runs this script, or the one on PATH. Its errors are shown.
 * @param {string[]} args
 * @throws {Problem} if it fails
 */
export function npm(args) {
  const { npm_execpath: script = '', npm_node_execpath: node = process.execPath } = process.env
  const whole = [...args, ...REGARDLESS, '--loglevel=error']
  /** @type {import('node:child_process').SpawnSyncOptions} */
  const options = { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] }
  const { status, error } =
    basename(script) === 'npm-cli.js'
      ? spawnSync(node, [script, ...whole], options)
      : spawnSync('npm', whole, options)
  if (error) throw new Problem(`npm could not be started: ${error.message}`, 'Install npm 9.2 or newer.')
  if (status !== 0)
    throw new Problem(`npm ${args[0]} failed (exit code ${status}); what it said is above.`, REMEDY)
}
