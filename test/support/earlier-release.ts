// Needs: git
import { execFileSync } from 'node:child_process'
import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { type Cleanup, tempDir } from './temp.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Whether the history of this checkout, which may be a shallow clone, has a commit. */
export function hasCommit(commit: string): boolean {
  try {
    execFileSync('git', ['cat-file', '-e', `${commit}^{commit}`], { cwd: root, stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** The program as a commit of the past makes it, with the packages of this checkout. */
export async function builtAt(t: Cleanup, commit: string, version: string): Promise<string> {
  const dir = tempDir(t)
  const archive = execFileSync('git', ['archive', commit], { cwd: root, maxBuffer: 256 * 1024 * 1024 })
  execFileSync('tar', ['-x', '-C', dir], { input: archive })
  symlinkSync(join(root, 'node_modules'), join(dir, 'node_modules'))
  const packaging: typeof import('../../packaging/program.ts') = await import(
    pathToFileURL(join(dir, 'packaging/program.ts')).href
  )
  const define = { FOMULAR_VERSION: JSON.stringify(version) }
  const { code } = await packaging.buildProgram({ executable: false }, { define })
  return Buffer.from(await packaging.wrapProgram(code)).toString('utf8')
}
