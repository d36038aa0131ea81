import { cpSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Stage } from './stage.ts'

/** Matches a file that the daemon is about to rename. */
const PASSING = /\.tmp$/

/** Returns functions that save and restore a state folder without its hub folder. */
export function machineFolder(stage: Stage) {
  const of = (dir: string) => (name: string) => join(dir, name)
  const backup = join(stage.dir, 'backup')
  const names = () => readdirSync(stage.state).filter((name) => name !== 'hub' && !PASSING.test(name))
  return {
    save() {
      rmSync(backup, { recursive: true, force: true })
      mkdirSync(backup)
      for (const name of names())
        cpSync(of(stage.state)(name), of(backup)(name), {
          recursive: true,
          filter: (path) => !/\/(stdin|bell|[^/]*\.sock|lock)$/.test(path) && !PASSING.test(path),
        })
    },
    restore() {
      for (const name of names()) rmSync(of(stage.state)(name), { recursive: true })
      for (const name of readdirSync(backup))
        cpSync(of(backup)(name), of(stage.state)(name), { recursive: true })
    },
  }
}
