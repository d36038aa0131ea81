import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'

/** Returns labels that were given as `key=value`. @throws UserError */
export const labelsOf = (texts: string[]): Record<string, string> =>
  Object.fromEntries(
    texts.map((text) => {
      const [, key, value] = /^([^=]+)=(.+)$/.exec(text) ?? []
      if (key !== undefined && value !== undefined) return [key, value]
      throw new UserError('usage', `${JSON.stringify(text)} is not a label.`, {
        remedy: 'Give labels as key=value.',
        exitCode: EXIT.usage,
      })
    }),
  )
