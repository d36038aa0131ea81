import type { Context } from 'hono'
import type { Caller } from '../registry/user-keys.ts'

const callers = new WeakMap<Context, Caller>()

/** Returns the caller of a request; undefined for requests that need no key. */
export const callerOf = (c: Context): Caller | undefined => callers.get(c)

/** Stores the caller of a request for `callerOf`. */
export function setCaller(c: Context, caller: Caller) {
  callers.set(c, caller)
}
