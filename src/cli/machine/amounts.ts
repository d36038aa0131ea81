import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'

const UNITS = { s: 1, m: 60, h: 3600, d: 86_400 }

/** Returns a parser for a time, which returns seconds. */
export const duration = (flag: string) => (text: string) => {
  const [, amount, unit = 's'] = /^(\d{1,9})([smhd])?$/.exec(text) ?? []
  if (amount !== undefined) return Number(amount) * UNITS[unit as keyof typeof UNITS]
  throw new UserError('usage', `${flag} is ${JSON.stringify(text)}, which is not a time.`, {
    remedy: 'Give a number with s (seconds), m (minutes), h (hours) or d (days), such as 30m.',
    exitCode: EXIT.usage,
  })
}

/** Returns a parser for a number of machines. */
export const count = (flag: string) => (text: string) => {
  const value = Number(text)
  if (/^\d{1,5}$/.test(text) && value > 0) return value
  throw new UserError('usage', `${flag} is ${JSON.stringify(text)}, which is not a number of machines.`, {
    remedy: 'Give a whole number from 1.',
    exitCode: EXIT.usage,
  })
}
