import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The part of node:test's context that helpers need. */
export interface Cleanup {
  after(fn: () => void | Promise<void>): void
}

/** Makes a folder for a test, deleted after it. */
export function tempDir(t: Cleanup): string {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'fomular-test-')))
  // After all other hooks: a process that still runs in it would recreate it. Even then, one may still be
  // writing.
  t.after(() => t.after(() => rmSync(dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })))
  return dir
}
