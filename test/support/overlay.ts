// Needs: root, mount
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Cleanup } from './temp.ts'
import { until } from './wait.ts'

/**
 * A copy of a folder that is gone when the test has ended. What is written to it is kept in memory. Needs root.
 * @param ending ends what runs from it
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

/** A process that is just ending may still hold it. */
const unmount = (path: string) =>
  until(() => {
    try {
      execFileSync('umount', [path], { stdio: 'ignore' })
      return true
    } catch {
      return false
    }
  })
