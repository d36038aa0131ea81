import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../exit-codes.ts'
import { askLine } from '../prompt.ts'
import { clean } from '../render/clean.ts'
import { isInteractive, note } from '../terminal.ts'

interface Wording<T> {
  nameOf(candidate: T): string
  /** What to type for the one. */
  lineOf(candidate: T): string
  factsOf(candidate: T): object
  /** Of the error, where nobody can be asked, and the name of its list. */
  code: string
  list: string
  /** What there are several of. */
  many: string
  json: boolean | undefined
}

/** The only candidate; of several the one that somebody chooses. @throws UserError where nobody can be asked */
export async function pick<T>(candidates: T[], wording: Wording<T>): Promise<{ chosen: T; asked: boolean }> {
  const [only, ...more] = candidates
  if (only !== undefined && more.length === 0) return { chosen: only, asked: false }
  const { nameOf, lineOf, factsOf, code, list, many, json } = wording
  if (json || !isInteractive())
    throw new UserError(
      code,
      [many, ...candidates.map((each) => `  ${nameOf(each)}\n    ${lineOf(each)}`)].join('\n'),
      {
        remedy: 'Say which one is meant, with --state-dir or FOMULAR_STATE_DIR.',
        exitCode: EXIT.usage,
        facts: { [list]: candidates.map(factsOf) },
      },
    )
  note(clean([many, ...candidates.map((each, index) => `  ${index + 1}. ${nameOf(each)}`)].join('\n')))
  const answer = await askLine('Which one? ')
  const chosen = /^\d+$/.test(answer) ? candidates[Number(answer) - 1] : undefined
  if (chosen !== undefined) return { chosen, asked: true }
  throw new UserError(code, 'None of them was chosen.', {
    remedy: `Type a number from 1 to ${candidates.length}, or name one with --state-dir.`,
    exitCode: EXIT.usage,
  })
}
