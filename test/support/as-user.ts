// Needs: root
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/**
 * Runs the text of a module as another user, even if that user cannot read this program. The module's imports
 * begin with `SRC/`.
 * @param within command that runs the module's command, such as `unshare`
 * @returns the output
 */
export function asUser(
  { uid, gid }: { uid: number; gid: number },
  module: string,
  within: string[] = [],
): string {
  const src = fileURLToPath(new URL('../../src', import.meta.url))
  // Runs after the imports, even if the imports come later in the text.
  const become = `process.setgroups([]); process.setgid(${gid}); process.setuid(${uid});`
  const text = become + module.replaceAll('SRC/', `${src}/`)
  const [program, ...args] = [...within, process.execPath, '--input-type=module', '-e', text]
  return execFileSync(program!, args, { encoding: 'utf8' })
}
