import { isAbsolute, resolve } from 'node:path'
import { UserError } from '../platform/errors.ts'
import { EXIT } from '../platform/exit-codes.ts'

/** The source of a setting's value. */
export interface Source {
  /** Name shown to the user: `--max-agents`, `FOMULAR_MAX_AGENTS`, `/etc/…/config.toml: max_agents`. */
  name: string
  /** Base of relative paths. */
  base: string
}

/**
 * Converts a value into a setting, or throws a UserError that names the source. A value of any type can also
 * be given as text.
 */
export type Reader<T> = (value: unknown, source: Source) => T

/** Returns the error for a value that a setting does not accept. @param wanted the accepted values */
export const unacceptable = ({ name }: Source, value: unknown, wanted: string) =>
  new UserError('config_invalid', `${name} is ${JSON.stringify(value)}, but must be ${wanted}.`, {
    remedy: 'Correct it, or omit it to use the default.',
    exitCode: EXIT.usage,
  })

export const text: Reader<string> = (value, source) => {
  if (typeof value === 'string' && value.trim() !== '') return value.trim()
  throw unacceptable(source, value, 'text')
}

/** Text that must not appear in messages. */
export const secret: Reader<string> = (value, source) => {
  if (typeof value === 'string') return value
  throw new UserError('config_invalid', `${source.name} must be text, in quotation marks.`, {
    exitCode: EXIT.usage,
  })
}

export const path: Reader<string> = (value, source) => {
  const given = text(value, source)
  return isAbsolute(given) ? given : resolve(source.base, given)
}

export const flag: Reader<boolean> = (value, source) => {
  if (value === true || value === 'true' || value === '1') return true
  if (value === false || value === 'false' || value === '0') return false
  throw unacceptable(source, value, 'true or false')
}

export const number =
  (min: number, max: number): Reader<number> =>
  (value, source) => {
    const given = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
    if (typeof given === 'number' && given >= min && given <= max && Number.isFinite(given)) return given
    throw unacceptable(source, value, `a number from ${min} to ${max}`)
  }

export const integer =
  (min: number, max: number): Reader<number> =>
  (value, source) => {
    const given = number(min, max)(value, source)
    if (Number.isInteger(given)) return given
    throw unacceptable(source, value, `a whole number from ${min} to ${max}`)
  }

export const oneOf =
  <T extends string>(values: readonly T[]): Reader<T> =>
  (value, source) => {
    const found = values.find((candidate) => candidate === value)
    if (found !== undefined) return found
    throw unacceptable(source, value, `one of ${values.join(', ')}`)
  }

/** A range of times, in minutes since midnight. It spans midnight if `to` is not after `from`. */
export interface Window {
  from: number
  to: number
}

/** @returns undefined if the value is not a range of times such as `02:00-05:00` */
export function parseWindow(value: unknown): Window | undefined {
  const [, ...times] = /^(\d\d?):(\d\d)-(\d\d?):(\d\d)$/.exec(String(value)) ?? []
  const [fromHour = 24, fromMinute = 60, toHour = 24, toMinute = 60] = times.map(Number)
  const from = fromHour * 60 + fromMinute
  const to = toHour * 60 + toMinute
  if (fromMinute > 59 || toMinute > 59 || from >= 24 * 60 || to > 24 * 60 || from === to) return undefined
  return { from, to }
}

export const window: Reader<string> = (value, source) => {
  if (parseWindow(value)) return String(value)
  throw unacceptable(source, value, 'a range of times such as 02:00-05:00')
}
