// Needs: root
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/**
 * Runs a module's text as another user, who may be unable to read this program. Imports begin with `SRC/`.
 * @param within a command that wraps this one
 * @returns the output
 */
export function asUser(
  { uid, gid }: { uid: number; gid: number },
  module: string,
  within: string[] = [],
): string {
  const src = fileURLToPath(new URL('../../src', import.meta.url))
  // After the imports, even if they come later in the text.
  const become = `process.setgroups([]); process.setgid(${gid}); process.setuid(${uid});`
  const text = become + module.replaceAll('SRC/', `${src}/`)
  const [program, ...args] = [...within, process.execPath, '--input-type=module', '-e', text]
  return execFileSync(program!, args, { encoding: 'utf8' })
}
