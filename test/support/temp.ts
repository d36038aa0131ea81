import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The part of the context of node:test that helpers need. */
export interface Cleanup {
  after(fn: () => void | Promise<void>): void
}

/** Makes a folder for a test. The folder is deleted after the test. */
export function tempDir(t: Cleanup): string {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'fomular-test-')))
  // Deletes the folder after all other hooks, because a process that still runs in the folder would recreate
  // it. Retries, because an ending process may still be writing.
  t.after(() => t.after(() => rmSync(dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })))
  return dir
}
