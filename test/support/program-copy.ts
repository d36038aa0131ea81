import { cpSync, readdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { COMPILE_CACHE } from '../../src/platform/chunks.ts'
import { PROGRAM } from './stage.ts'
import { type Cleanup, tempDir } from './temp.ts'

/**
 * Copies the built program, with its chunks.
 * @returns a folder like `dist`, the folder of the chunks, and the program's path
 */
export function programCopy(t: Cleanup): { dir: string; chunks: string; program: string } {
  const dir = join(tempDir(t), 'dist')
  const filter = (path: string) => basename(path) !== COMPILE_CACHE
  for (const name of ['index.js', 'package.json', 'program'])
    cpSync(join(dirname(PROGRAM), name), join(dir, name), { recursive: true, filter })
  const [build = ''] = readdirSync(join(dir, 'program'))
  return { dir, chunks: join(dir, 'program', build), program: join(dir, 'index.js') }
}
