import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import type { Cleanup } from './temp.ts'

/**
 * Makes this process unable to create or replace some files.
 * @param code returns the code of the error for a path; undefined if the file can be written
 * @returns a function that ends the failures
 */
export function failingFiles(t: Cleanup, code: (path: string) => string | undefined): () => void {
  const { openSync, renameSync } = fs
  const check = (path: unknown) => {
    const found = code(String(path))
    if (found) throw Object.assign(new Error(`${found}: ${path}`), { code: found })
  }
  const failing = {
    openSync: ((path, flags, mode) => {
      if (flags === 'wx') check(String(path).replace(/\.\d+\.tmp$/, ''))
      return openSync(path, flags, mode)
    }) as typeof openSync,
    renameSync: ((from, to) => {
      check(to)
      renameSync(from, to)
    }) as typeof renameSync,
  }
  const put = (functions: object) => {
    Object.assign(fs, functions)
    syncBuiltinESMExports()
  }
  const repair = () => put({ openSync, renameSync })
  t.after(repair)
  put(failing)
  return repair
}
