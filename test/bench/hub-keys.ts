import { createHash, randomUUID } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Stage } from '../support/stage.ts'

/** Gives the hub a key for each machine. @returns the file with the keys, one per line */
export function giveKeys({ dir, state }: Stage, count: number): string {
  const keys = Array.from({ length: count }, () => `fmk_${randomUUID()}`)
  const entries = keys.map((key, n) => ({
    role: 'machine',
    name: `machine-${n}`,
    created_at: new Date().toISOString(),
    sha256: createHash('sha256').update(key).digest('hex'),
    machines: [`machine-${n}`],
    bound: true,
    used_at: new Date().toISOString(),
  }))
  mkdirSync(join(state, 'hub'), { recursive: true, mode: 0o700 })
  writeFileSync(join(state, 'hub/keys.json'), JSON.stringify({ version: 1, keys: entries }), { mode: 0o600 })
  const file = join(dir, 'keys')
  writeFileSync(file, keys.join('\n'), { mode: 0o600 })
  return file
}
