import { UserError } from '../../platform/errors.ts'
import { faultsOf } from '../../platform/ownership.ts'
import { examinePolicy, type PolicyProblem } from '../../policy/examine.ts'
import { parsePolicy, readPolicyText } from '../../policy/read.ts'
import type { Policy } from '../../policy/schema.ts'

/** Problem with a policy file. The message is a complete sentence. */
export type FileProblem = PolicyProblem

/**
 * Returns the policy in a file. Also returns all problems with the file, its owner, and its mode.
 * @param user uid of the only user except root who may own the file; by default, the user of this process
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
