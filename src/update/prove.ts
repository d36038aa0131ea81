import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { satisfies } from 'semver'
import * as z from 'zod/mini'
import { PROTOCOL } from '../protocol/index.ts'
import { UpdateFailure } from './failure.ts'
import type { Release } from './release.ts'
import { SelfCheck } from './self-check.ts'

/** A start takes a twentieth of a second; a machine under load, or one that has just woken up, more. */
const START_MS = 30_000

const PackageJson = z.object({ name: z.string(), version: z.string() })

/** Refuses a package that is not what was asked for, or not for this Node. @throws UpdateFailure */
export function checkPackage(dir: string, release: Release, expectedName: string) {
  const parsed = PackageJson.safeParse(JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8')))
  const { name, version } = parsed.success ? parsed.data : { name: 'nothing', version: '' }
  if (name !== expectedName || release.name !== expectedName || version !== release.version)
    throw new UpdateFailure(
      'update_wrong_package',
      'stage',
      `The registry delivered ${name}@${version} in place of ${expectedName}@${release.version}.`,
    )
}

/** @throws UpdateFailure */
export function checkEngine(release: Release, nodeVersion = process.versions.node) {
  const range = release.engines?.node
  if (range !== undefined && !satisfies(nodeVersion, range, { includePrerelease: true }))
    throw new UpdateFailure(
      'update_engine',
      'resolve',
      `${release.version} needs Node ${range}; this is Node ${nodeVersion}.`,
      { remedy: 'Update Node first.' },
    )
}

export interface ProofOptions {
  /** What runs the program: this Node; none where it is an executable of its own. */
  runner: string[]
  program: string
  version: string
  stateDir: string
  env: NodeJS.ProcessEnv
  signal: AbortSignal
}

/**
 * Runs a version that is staged: it must say its version, and that it can read this state folder and speak with the
 * server that this one speaks with.
 * @throws UpdateFailure
 */
export async function prove(options: ProofOptions): Promise<void> {
  const { version, stateDir } = options
  const said = (await run(options, ['--version'])).trim()
  if (said !== version) throw failed(`It says that it is version ${said || 'nothing'}.`, options)
  const answer = await run(options, ['self-check', '--state-dir', stateDir, '--json'])
  const parsed = SelfCheck.safeParse(parse(answer))
  if (!parsed.success) throw failed('Its self-check gives no answer that is understood.', options, answer)
  const check = parsed.data
  if (!check.ok) throw failed(`Its self-check failed: ${check.problems.join('; ')}.`, options)
  if (check.protocol.minimum > PROTOCOL.version || check.protocol.version < PROTOCOL.minimum)
    throw failed(
      `It speaks protocol ${check.protocol.minimum} to ${check.protocol.version}; this one speaks ${PROTOCOL.version}.`,
      options,
    )
}

function run(options: ProofOptions, args: string[]): Promise<string> {
  const [file = options.program, ...before] = [...options.runner, options.program]
  const { env, signal } = options
  return new Promise((resolve, reject) =>
    execFile(
      file,
      [...before, ...args],
      { env, signal, timeout: START_MS, killSignal: 'SIGKILL', cwd: '/' },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout)
        else if (signal.aborted)
          reject(new UpdateFailure('update_interrupted', 'prove', 'The daemon was told to stop.'))
        else
          reject(
            failed(
              error.killed
                ? `\`${args[0]}\` did not end within ${START_MS / 1000} s.`
                : `\`${args[0]}\` ended with ${error.code ?? error.signal}.`,
              options,
              `${stderr}\n${stdout}`,
            ),
          )
      },
    ),
  )
}

const failed = (why: string, { version }: ProofOptions, output = '') =>
  new UpdateFailure('update_unproven', 'prove', `Version ${version} does not run here. ${why}`, { output })

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
