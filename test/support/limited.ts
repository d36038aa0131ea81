import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/**
 * Runs a module's text in a process that cannot write files beyond `bytes`: a write fails halfway, as on a
 * full disk. Imports begin with `SRC/`.
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
