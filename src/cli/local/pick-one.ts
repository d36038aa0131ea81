import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import { askLine } from '../prompt.ts'
import { clean } from '../render/clean.ts'
import { isInteractive, note } from '../terminal.ts'

interface Wording<T> {
  nameOf(candidate: T): string
  /** Returns the command line that selects a candidate. */
  lineOf(candidate: T): string
  factsOf(candidate: T): object
  /** Code of the error that is thrown if there is no terminal to ask on. */
  code: string
  /** Name of the field that lists the candidates in that error. */
  list: string
  /** Heading of the list. */
  many: string
  json: boolean | undefined
}

/**
 * Returns the only candidate, or asks which one to use.
 * @throws UserError if there is no terminal to ask on
 */
export async function pickOne<T>(
  candidates: T[],
  wording: Wording<T>,
): Promise<{ chosen: T; asked: boolean }> {
  const [only, ...more] = candidates
  if (only !== undefined && more.length === 0) return { chosen: only, asked: false }
  const { nameOf, lineOf, factsOf, code, list, many, json } = wording
  if (json || !isInteractive())
    throw new UserError(
      code,
      [many, ...candidates.map((each) => `  ${nameOf(each)}\n    ${lineOf(each)}`)].join('\n'),
      {
        remedy: 'Choose one with --state-dir or FOMULAR_STATE_DIR.',
        exitCode: EXIT.usage,
        facts: { [list]: candidates.map(factsOf) },
      },
    )
  note(clean([many, ...candidates.map((each, index) => `  ${index + 1}. ${nameOf(each)}`)].join('\n')))
  const answer = await askLine('Which one? ')
  const chosen = /^\d+$/.test(answer) ? candidates[Number(answer) - 1] : undefined
  if (chosen !== undefined) return { chosen, asked: true }
  throw new UserError(code, 'No valid choice was made.', {
    remedy: `Type a number from 1 to ${candidates.length}, or name one with --state-dir.`,
    exitCode: EXIT.usage,
  })
}
