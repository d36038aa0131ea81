import type { Context } from 'hono'
import { HttpError } from '../http-error.ts'

/** Returns a query parameter; undefined if it is absent. @throws HttpError if it is repeated */
export function once(c: Context, name: string): string | undefined {
  const [value, ...more] = c.req.queries(name) ?? []
  if (more.length === 0) return value
  throw invalid(name, 'must not be repeated')
}

/** Returns the comma-separated values of a query parameter. @throws HttpError if a value is not in `all` */
export function someOf<T extends string>(c: Context, name: string, all: readonly T[]): T[] | undefined {
  const values = once(c, name)?.split(',')
  if (values?.every((value): value is T => all.some((each) => each === value))) return values
  if (!values) return undefined
  throw invalid(name, `must be ${all.join(', ')}, or several of them with commas between them`)
}

/** Returns a query parameter that is `true` or `false`. @throws HttpError */
export function flag(c: Context, name: string): boolean | undefined {
  const text = once(c, name)
  if (text === undefined) return undefined
  if (text === 'true' || text === 'false') return text === 'true'
  throw invalid(name, 'must be true or false')
}

export const invalid = (path: string, problem: string) =>
  new HttpError(400, 'invalid_request', `${path}: ${problem}.`, { path })
