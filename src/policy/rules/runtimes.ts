import satisfies from 'semver/functions/satisfies.js'
import { realPath } from '../../platform/real-path.ts'
import { type PolicyRefusal, refusedRuntimeName } from '../../protocol/policy-rules.ts'
import type { Policy } from '../schema.ts'

/** A runtime's program, as found on this machine. */
export interface Program {
  path: string
  version?: string | undefined
}

/** @param program undefined if the program is not known yet */
export function refusedRuntime({ runtimes }: Policy, name: string, program?: Program): PolicyRefusal[] {
  if (!runtimes) return []
  const unnamed = refusedRuntimeName(Object.keys(runtimes), name)
  if (unnamed.length > 0 || !program) return unnamed
  const { path, versions } = runtimes[name]!
  const refused: PolicyRefusal[] = []
  if (path !== undefined && realPath(path) !== realPath(program.path))
    refused.push({
      key: `runtimes.${name}.path`,
      message: `The machine's policy permits ${path} only, but on this machine, ${name} is ${program.path}.`,
    })
  if (versions !== undefined && (program.version === undefined || !satisfies(program.version, versions)))
    refused.push({
      key: `runtimes.${name}.versions`,
      message: `The machine's policy permits ${name} ${versions} only; this machine has ${program.version ?? 'an unknown version'}.`,
    })
  return refused
}
