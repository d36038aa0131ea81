import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod/mini'
import { STATE_UPGRADES } from '../../config/format.ts'
import { judgeFolder } from '../../config/ownership-policy.ts'
import { foreignError, isStrictByEnvironment } from '../../config/refuse-foreign.ts'
import { CHUNKS } from '../../platform/chunks.ts'
import { systemCode } from '../../platform/errors.ts'
import { readFormat } from '../../platform/format.ts'
import type { OwnershipFault } from '../../platform/ownership.ts'
import { VERSION } from '../../platform/version.ts'
import { PROTOCOL } from '../../protocol/index.ts'
import { damageOf } from './program-hash.ts'

/**
 * The output of `self-check`. The running version uses it to decide whether the new version may replace it.
 */
export const SelfCheck = z.object({
  ok: z.boolean(),
  version: z.string(),
  node: z.string(),
  protocol: z.object({ version: z.int(), minimum: z.int() }),
  problems: z.array(z.string()),
})
export type SelfCheck = z.infer<typeof SelfCheck>

/** Format of the files that this version writes. This version does not change files of a newer format. */
const FORMAT = 1

/**
 * Checks the files of this program and a state folder, without changing them.
 * @param faults wrong owners and modes that let other users change files of the state folder
 */
export function selfCheck(stateDir: string, faults: OwnershipFault[]): SelfCheck {
  const damage = CHUNKS === undefined ? undefined : damageOf(CHUNKS)
  const problems = damage === undefined ? [] : [damage]
  try {
    readFormat(stateDir, STATE_UPGRADES)
  } catch (error) {
    problems.push((error as Error).message)
  }
  const strict = isStrictByEnvironment(process.env)
  for (const fault of judgeFolder(stateDir, { faults, strict }).refused) {
    const { message, remedy } = foreignError(fault)
    problems.push(`${message} ${remedy?.replace(/\.$/, '')}`)
  }
  const files = ['machine.json', 'runtimes.json', 'update.json', 'confirmed.json']
  try {
    for (const agent of readdirSync(join(stateDir, 'agents')))
      files.push(join('agents', agent, 'spec.json'), join('agents', agent, 'cursor.json'))
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') problems.push(String((error as Error).message))
  }
  for (const file of files) {
    const problem = problemOf(join(stateDir, file))
    if (problem !== undefined) problems.push(`${file}: ${problem}`)
  }
  return {
    ok: problems.length === 0,
    version: VERSION,
    node: process.versions.node,
    protocol: { ...PROTOCOL },
    problems,
  }
}

/**
 * Returns the problem with a file; undefined if there is none. A damaged file is not a problem: the daemon
 * sets it aside.
 */
function problemOf(path: string): string | undefined {
  try {
    const json: unknown = JSON.parse(readFileSync(path, 'utf8'))
    const version = typeof json === 'object' && json !== null && 'version' in json ? json.version : undefined
    return typeof version === 'number' && version > FORMAT
      ? `has format ${version}, newer than ${FORMAT}`
      : undefined
  } catch (error) {
    const code = systemCode(error)
    return code === undefined || code === 'ENOENT' || code === 'ENOTDIR'
      ? undefined
      : `cannot be read (${code})`
  }
}
