import { createHash } from 'node:crypto'
import type { PermissionRequest } from '../../protocol/index.ts'
import type { StartupFiles } from './read-startup-files.ts'

/** Maximum length of the request's input, in characters of JSON. A status would omit a longer input. */
const INPUT_CHARS = 15_000

export interface Asked {
  folder: string
  /** Hash over the startup files. @see hashOf */
  hash: string
  found: StartupFiles
  /** Returns the part of a file that runs programs. */
  partOf(path: string, text: string): string | undefined
}

/**
 * Returns the request for permission to use a folder's startup files. If not all files fit, the request has
 * the field `cut`.
 */
export function trustRequest({ folder, hash, found, partOf }: Asked): PermissionRequest {
  const files: object[] = []
  let room = INPUT_CHARS - JSON.stringify({ folder }).length
  let { cut } = found
  for (const { path, sha256, text } of found.files) {
    const runs = partOf(path, text)
    const file = { path, sha256: sha256.slice(0, 16), ...(runs !== undefined && { runs }) }
    room -= JSON.stringify(file).length + 1
    if (room < 0) {
      cut = true
      break
    }
    files.push(file)
  }
  const input = { folder, files }
  const digest = createHash('sha256')
    .update(JSON.stringify([hash, cut, input]))
    .digest('hex')
    .slice(0, 32)
  return {
    request_id: `trust-${digest.slice(0, 12)}`,
    digest,
    ask: 'tool',
    tool: 'TrustRepository',
    input,
    description: 'Files of this folder, or above it, run programs when an agent starts here.',
    reason: 'The machine\'s policy has `repository_trust = "ask"`, and these files are new or have changed.',
    ...(cut && { cut }),
  }
}
