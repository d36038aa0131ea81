import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod/mini'
import { STATE_UPGRADES } from '../config/format.ts'
import { judge, notOurs, strictByEnvironment } from '../config/strict.ts'
import { systemCode } from '../platform/errors.ts'
import { readFormat } from '../platform/format.ts'
import type { Fault } from '../platform/ours.ts'
import { VERSION } from '../platform/version.ts'
import { PROTOCOL } from '../protocol/index.ts'

/** What `self-check` prints: read by the version that wants to know whether this one may take its place. */
export const SelfCheck = z.object({
  ok: z.boolean(),
  version: z.string(),
  node: z.string(),
  protocol: z.object({ version: z.int(), minimum: z.int() }),
  problems: z.array(z.string()),
})
export type SelfCheck = z.infer<typeof SelfCheck>

/** The formats this version writes. A newer one is another version's, which this one would not touch. */
const FORMAT = 1

/**
 * Looks at a state folder without changing anything in it.
 * @param faults of files that belong to it
 */
export function selfCheck(stateDir: string, faults: Fault[]): SelfCheck {
  const problems: string[] = []
  try {
    readFormat(stateDir, STATE_UPGRADES)
  } catch (error) {
    problems.push((error as Error).message)
  }
  const strict = strictByEnvironment(process.env)
  for (const fault of judge(stateDir, { faults, strict }).refused) {
    const { message, remedy } = notOurs(fault)
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

/** One that is damaged is no obstacle: a daemon sets it aside. */
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
