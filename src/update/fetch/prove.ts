import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import satisfies from 'semver/functions/satisfies.js'
import * as z from 'zod/mini'
import { boundedJson } from '../../protocol/bounded-json.ts'
import { PROTOCOL } from '../../protocol/index.ts'
import { UpdateFailure } from '../failure.ts'
import type { Release } from './package-facts.ts'
import { SelfCheck } from './self-check.ts'

/**
 * Time limit of a start, in milliseconds. A start normally takes 50 ms, but more under load or after a
 * suspend.
 */
const START_MS = 30_000
/**
 * Maximum number of problems to list in a message. The number is limited because every agent may have
 * problems.
 */
const SHOWN_PROBLEMS = 5

/** Maximum output of a tested version, in bytes. The output may have a line for each file of each agent. */
const OUTPUT_BYTES = 8 * 1024 * 1024

/** Maximum size of a package.json, in bytes. The file is parsed before it is verified. */
const PACKAGE_JSON_BYTES = 1024 * 1024

const PackageJson = z.object({ name: z.string(), version: z.string() })

/** Refuses a package other than the requested one. @throws UpdateFailure */
export function checkPackage(dir: string, release: Release, expectedName: string) {
  let name = 'nothing'
  let version = ''
  try {
    const path = join(dir, 'package.json')
    if (statSync(path).size <= PACKAGE_JSON_BYTES)
      ({ name, version } = PackageJson.parse(boundedJson(readFileSync(path))))
  } catch {
    // The folder is not a package. The check below refuses it.
  }
  if (name !== expectedName || version !== release.version)
    throw new UpdateFailure(
      'update_wrong_package',
      'stage',
      `The registry delivered ${name}@${version} instead of ${expectedName}@${release.version}.`,
    )
}

/**
 * Checks that a release supports a version of Node. @param nodeVersion version of the Node that will run the
 * release @throws UpdateFailure
 */
export function checkEngine({ version, engines }: Release, nodeVersion: string) {
  const range = engines?.node
  if (range !== undefined && !satisfies(nodeVersion, range, { includePrerelease: true }))
    throw new UpdateFailure(
      'update_engine',
      'resolve',
      `${version} needs Node ${range}; this machine has Node ${nodeVersion}.`,
      { remedy: 'Update Node first.' },
    )
}

/**
 * The path of Node, which runs a program (empty for an executable), the environment of the program, and a
 * signal that stops the program.
 */
export interface Runner {
  runner: readonly string[]
  env: NodeJS.ProcessEnv
  signal: AbortSignal
}

/**
 * Returns the version of the Node that is on the disk. This Node may have replaced the Node that runs this
 * process.
 * @throws UpdateFailure
 */
export async function nodeVersion(runner: Runner): Promise<string> {
  const [node] = runner.runner
  if (node === undefined) return process.versions.node
  const run = await start({ ...runner, runner: [] }, node, ['--version'])
  if (run.ok) return run.stdout.trim().replace(/^v/, '')
  throw new UpdateFailure(
    'update_engine',
    'resolve',
    `The Node that runs this daemon, ${node}, no longer exists.`,
    {
      output: run.output,
      remedy: 'Restart the daemon with the new Node, then update.',
    },
  )
}

export interface ProofOptions extends Runner {
  program: string
  version: string
  stateDir: string
}

/**
 * Runs a staged version. The staged version must print its version, be able to read this state folder, and
 * support a protocol version of this program.
 * @throws UpdateFailure
 */
export async function prove(options: ProofOptions): Promise<void> {
  const { version, stateDir } = options
  const started = await start(options, options.program, ['--version'])
  if (!started.ok) throw ended('--version', options, started)
  const own = started.stdout.trim()
  if (own !== version) throw failed(`It reports its version as ${own || 'nothing'}.`, options)
  const answer = await start(options, options.program, ['self-check', '--state-dir', stateDir])
  const parsed = SelfCheck.safeParse(boundedJson(answer.stdout))
  if (!parsed.success)
    throw answer.ok
      ? failed('The output of its self-check is not valid.', options, answer.stdout)
      : ended('self-check', options, answer)
  const check = parsed.data
  if (!check.ok) throw failed(`Its self-check failed: ${said(check.problems)}.`, options)
  if (check.protocol.minimum > PROTOCOL.version || check.protocol.version < PROTOCOL.minimum)
    throw failed(
      `It speaks protocol ${check.protocol.minimum} to ${check.protocol.version}; this version speaks ${PROTOCOL.version}.`,
      options,
    )
}

/** Reports whether a program has the expected version, is undamaged, and runs on this machine. */
export const isProven = (options: ProofOptions): Promise<boolean> =>
  prove(options).then(
    () => true,
    () => false,
  )

const said = (problems: string[]) => {
  const more = problems.length - SHOWN_PROBLEMS
  return `${problems.slice(0, SHOWN_PROBLEMS).join('; ')}${more > 0 ? ` and ${more} more` : ''}`
}

const ended = (command: string, options: ProofOptions, { why, output }: { why: string; output: string }) =>
  options.signal.aborted
    ? new UpdateFailure('update_interrupted', 'prove', 'The daemon was told to stop.')
    : failed(`\`${command}\` ${why}.`, options, output)

async function start({ runner, env, signal }: Runner, program: string, args: string[]) {
  const { execa } = await import('execa')
  const [file, ...rest] = [...runner, program, ...args] as [string, ...string[]]
  const run = await execa(file, rest, {
    env,
    extendEnv: false,
    cwd: '/',
    stdin: 'ignore',
    cancelSignal: signal,
    timeout: START_MS,
    killSignal: 'SIGKILL',
    forceKillAfterDelay: false,
    maxBuffer: OUTPUT_BYTES,
    reject: false,
  })
  const why = run.timedOut
    ? `did not end within ${START_MS / 1000} s`
    : run.exitCode === undefined
      ? `was ended by ${run.signal ?? run.code ?? 'a signal'}`
      : `ended with exit code ${run.exitCode}`
  const output = `${run.stderr}\n${run.stdout}\n${run.exitCode === undefined ? (run.shortMessage ?? '') : ''}`
  return { ok: !run.failed, why, stdout: run.stdout, output }
}

const failed = (why: string, { version }: ProofOptions, output = '') =>
  new UpdateFailure('update_unproven', 'prove', `Version ${version} does not run here. ${why}`, { output })
