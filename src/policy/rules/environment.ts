import type { PolicyRefusal } from '../../protocol/policy-rules.ts'
import { isListed } from '../names.ts'
import type { Policy } from '../schema.ts'

/** Refuses variables that a server may not set. */
export const refusedVariables = (
  { environment }: Policy,
  env: Record<string, string> = {},
): PolicyRefusal[] =>
  Object.keys(env)
    .filter((name) => !isListed(name, environment.set))
    .map((name) => ({
      key: 'environment.set',
      message: `The machine's policy does not let a server set the variable ${name}.`,
    }))
