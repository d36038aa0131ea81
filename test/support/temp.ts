import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What of node:test's context a helper needs. */
export interface Cleanup {
  after(fn: () => void | Promise<void>): void
}

/** A folder of the test's own, gone when it has ended. */
export function tempDir(t: Cleanup): string {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'fomular-test-')))
  // Behind all others: what runs in it is ended first, and would make it anew. Even then, a process may still be writing.
  t.after(() => t.after(() => rmSync(dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })))
  return dir
}
