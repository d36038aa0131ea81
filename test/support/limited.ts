import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/**
 * Runs a module's text in a process that cannot write files beyond `bytes`: what is written meets an error in its middle,
 * as on a disk that becomes full. Imports begin with `SRC/`.
 * @returns what it printed
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
