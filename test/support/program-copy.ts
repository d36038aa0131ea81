import { cpSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { PROGRAM } from './stage.ts'
import { type Cleanup, tempDir } from './temp.ts'

/** Copies the built program, with its chunks. @returns the folder, like `dist`, and that of the chunks */
export function programCopy(t: Cleanup): { dir: string; chunks: string; program: string } {
  const dir = join(tempDir(t), 'dist')
  for (const name of ['index.js', 'package.json', 'program'])
    cpSync(join(dirname(PROGRAM), name), join(dir, name), { recursive: true })
  const [build = ''] = readdirSync(join(dir, 'program'))
  return { dir, chunks: join(dir, 'program', build), program: join(dir, 'index.js') }
}
