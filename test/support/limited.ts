import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/**
 * Runs the text of a module in a process that cannot write more than `bytes` to a file. A longer write fails
 * halfway, as on a full disk. The module's imports begin with `SRC/`.
 * @returns the output
 */
export function limited(bytes: number, module: string): string {
  const src = fileURLToPath(new URL('../../src', import.meta.url))
  const script = `trap '' XFSZ; ulimit -f ${bytes / 512}; exec "$@"`
  return execFileSync(
    '/bin/sh',
    ['-c', script, 'sh', process.execPath, '--input-type=module', '-e', module.replaceAll('SRC/', `${src}/`)],
    { encoding: 'utf8' },
  )
}
