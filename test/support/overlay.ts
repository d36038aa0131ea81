// Needs: root, mount
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Cleanup } from './temp.ts'
import { until } from './wait.ts'

/**
 * Returns a copy of a folder. The copy is removed after the test. Its changes are kept in memory. Needs root.
 * @param ending ends the processes that run from the copy
 */
export function overlay(t: Cleanup, lower: string, ending: () => Promise<void>): string {
  const dir = mkdtempSync(join(tmpdir(), 'fomular-debian-'))
  const mounts: string[] = []
  const mount = (path: string, args: string[]) => {
    mkdirSync(path)
    execFileSync('mount', [...args, path])
    mounts.unshift(path)
  }
  t.after(async () => {
    await ending()
    for (const path of mounts) await unmount(path)
    rmSync(dir, { recursive: true })
  })
  const layers = join(dir, 'layers')
  mount(layers, ['-t', 'tmpfs', 'tmpfs'])
  for (const name of ['upper', 'work']) mkdirSync(join(layers, name))
  const options = `lowerdir=${lower},upperdir=${layers}/upper,workdir=${layers}/work`
  const root = join(dir, 'root')
  mount(root, ['-t', 'overlay', 'overlay', '-o', options])
  return root
}

/** Unmounts a folder. Retries while an ending process still uses the folder. */
const unmount = (path: string) =>
  until(() => {
    try {
      execFileSync('umount', [path], { stdio: 'ignore' })
      return true
    } catch {
      return false
    }
  })
