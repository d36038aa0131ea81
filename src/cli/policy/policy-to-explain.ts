import { resolve } from 'node:path'
import { readPolicy } from '../../policy/read.ts'
import type { Program } from '../../policy/rules/runtimes.ts'
import { CAREFUL, OPEN, type Policy } from '../../policy/schema.ts'
import type { LocalOptions } from '../local/index.ts'
import { policyInForce } from './in-force.ts'

export interface Explaining {
  policy: Policy
  /** Path of the policy's file; `careful` or `open` if there is no file. */
  source: string
  /** Returns the program of a runtime, if the running daemon has found it. */
  program(runtime: string): Program | undefined
}

/** @param named path of a policy, from the command line @throws UserError if the policy is invalid */
export async function policyToExplain(named: string | undefined, options: LocalOptions): Promise<Explaining> {
  if (named !== undefined) {
    const path = resolve(named)
    return { policy: readPolicy(path), source: path, program: () => undefined }
  }
  const { file, otherwise, user, daemon } = await policyInForce(options)
  const policy = file === undefined ? (otherwise === 'careful' ? CAREFUL : OPEN) : readPolicy(file, user)
  const program = (runtime: string) => {
    const { path, version } = daemon?.machine.runtimes.find(({ name }) => name === runtime) ?? {}
    return path === undefined ? undefined : { path, version }
  }
  return { policy, source: file ?? otherwise, program }
}
