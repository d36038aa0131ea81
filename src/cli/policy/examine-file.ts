import { UserError } from '../../platform/errors.ts'
import { faultsOf } from '../../platform/ownership.ts'
import { examinePolicy, type PolicyProblem } from '../../policy/examine.ts'
import { parsePolicy, readPolicyText } from '../../policy/read.ts'
import type { Policy } from '../../policy/schema.ts'

/** Something that is wrong with a policy's file; the message is a whole sentence. */
export type FileProblem = PolicyProblem

/**
 * Returns the policy in a file, with everything that is wrong with the file, its owner, and its mode.
 * @param user uid of the only user, besides root, who may own it; by default, this process's
 */
export function examineFile(
  path: string,
  user: number | undefined,
): { policy?: Policy; problems: FileProblem[] } {
  const faults = faultsOf(path, user).map(({ message, remedy }) => ({
    key: '',
    message: `The policy ${path} could be changed by others: ${message}.`,
    remedy: `Run ${remedy}.`,
  }))
  let text: string
  try {
    text = readPolicyText(path)
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    const { message, remedy = '' } = error
    return { problems: [...faults, { key: '', message, remedy }] }
  }
  const { problems } = examinePolicy(text)
  if (!problems) return { policy: parsePolicy(text, path), problems: faults }
  const of = (problem: PolicyProblem) => ({
    ...problem,
    message: `The policy ${path}${problem.line === undefined || problem.key === '' ? '' : `:${problem.line}`} ${problem.message}`,
  })
  return { problems: [...faults, ...problems.map(of)] }
}
