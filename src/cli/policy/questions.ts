import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import { CAREFUL } from '../../policy/schema.ts'
import type { PolicyChoices } from '../../policy/template.ts'
import { askYes } from '../confirm-yes.ts'
import { askLine } from '../prompt.ts'
import { note } from '../terminal.ts'
import { absolute, problemWith } from './choices.ts'

interface Question {
  key: string
  text: string
  /** Value if the answer is empty. */
  otherwise: string
  read(answer: string): unknown
}

const list = (answer: string) =>
  answer
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')

const QUESTIONS: Question[] = [
  {
    key: 'folders.allow',
    text: 'Folders in which agents may work, including subfolders, separated by commas',
    otherwise: CAREFUL.folders.allow.join(', '),
    read: (answer) => list(answer).map(absolute),
  },
  {
    key: 'permission_modes',
    text: 'Permission modes that a server may choose (bypassPermissions lets agents do anything without asking)',
    otherwise: CAREFUL.permission_modes.join(', '),
    read: list,
  },
  {
    key: 'mcp.servers',
    text: 'MCP servers (programs) that a server may add to an agent: none, listed in the file, or any',
    otherwise: CAREFUL.mcp.servers,
    read: (answer) => answer,
  },
  {
    key: 'environment.set',
    text: 'Environment variables that a server may set (none, or * for all except sensitive variables such as PATH)',
    otherwise: CAREFUL.environment.set.join(', '),
    read: (answer) => (answer === 'none' ? [] : list(answer)),
  },
]

/**
 * Asks the most important questions about a policy on the terminal.
 * @throws UserError if the user does not confirm the policy
 */
export async function askChoices(path: string): Promise<PolicyChoices> {
  note('Press Enter for the value in brackets.')
  const choices: PolicyChoices = {}
  for (const question of QUESTIONS) choices[question.key] = await answerTo(question)
  // After Ctrl-D, every answer is empty.
  if (await askYes(`Write the policy ${path}?`)) return choices
  throw new UserError('not_confirmed', 'No policy was written.', { exitCode: EXIT.refused })
}

async function answerTo({ key, text, otherwise, read }: Question): Promise<unknown> {
  for (;;) {
    const value = read((await askLine(`${text}\n[${otherwise}]> `)) || otherwise)
    const problem = problemWith(key, value)
    if (problem === undefined) return value
    note(`! ${problem}.`)
  }
}
