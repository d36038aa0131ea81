import { Labels } from '../protocol/ids.ts'
import { type Reader, text, unacceptable } from './readers.ts'

/** Reads labels such as `site=berlin,team=web`. */
export const labelText: Reader<string> = (value, source) => {
  const given = text(value, source)
  if (labelsIn(given)) return given
  throw unacceptable(
    source,
    value,
    'up to 32 labels such as site=berlin,team=web, with A-Z a-z 0-9 _ - . / only, at most 63 characters, and each key once',
  )
}

/** @returns undefined if the text is not a list of labels */
export function labelsIn(given: string): Record<string, string> | undefined {
  const pairs = given.split(',').map((part) => part.trim().split('='))
  const keys = new Set(pairs.map(([key]) => key))
  if (keys.size < pairs.length || pairs.some(({ length }) => length !== 2)) return undefined
  return Labels.safeParse(Object.fromEntries(pairs)).data
}
