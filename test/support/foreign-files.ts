// Needs: root
import assert from 'node:assert/strict'
import { chownSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, Stage } from './stage.ts'
import type { Cleanup } from './temp.ts'
import { until } from './wait.ts'

/** The uid and gid of a user who is neither root nor the user of the tests. */
export const NOBODY = 65534

/** Makes that user the owner of a file or folder. */
export const toOther = (path: string) => chownSync(path, NOBODY, NOBODY)

/** Makes a home folder with a configuration and a key for a server that is not running. */
export async function machine(t: Cleanup) {
  const stage = await Stage.open(t)
  const home = join(stage.dir, 'home')
  const at = { home, config: join(home, '.fomular/config.toml'), key: join(home, '.fomular/key') }
  mkdirSync(join(home, '.fomular'), { mode: 0o700 })
  writeFileSync(at.key, 'a-key\n', { mode: 0o600 })
  writeFileSync(at.config, `server_url = "ws://127.0.0.1:${await freePort()}"\nkey_file = "key"\n`, {
    mode: 0o600,
  })
  const env = { FOMULAR_STATE_DIR: '' }
  const run = (args: string[] = ['run'], more: Record<string, string> = {}) =>
    stage.run(args, { ...env, ...more })
  /** Starts a daemon that must fail. @returns its output */
  const refused = async (args?: string[], more?: Record<string, string>) => {
    const daemon = run(args, more)
    assert.equal(await daemon.ended, 2, daemon.log())
    return daemon.log()
  }
  /** Starts a daemon that must run, and stops it. @returns its log */
  const accepted = async (args?: string[], more?: Record<string, string>) => {
    const daemon = run(args, more)
    const started = until(() => daemon.log().includes('daemon started'), { what: 'the daemon' })
    const ended = daemon.ended.then((code) => Promise.reject(new Error(`ended with ${code}`)))
    ended.catch(() => {})
    await Promise.race([started, ended]).catch((error) => {
      throw new Error(`${error.message}\n${daemon.log()}`)
    })
    daemon.kill('SIGTERM')
    assert.equal(await daemon.ended, 0)
    return daemon.log()
  }
  return { ...at, state: join(home, '.fomular/state'), dir: stage.dir, stage, refused, accepted }
}

/** Makes a state folder look like the folder of a version that does not check for other writers. */
export function asLeftBefore(state: string) {
  rmSync(join(state, 'modes.json'), { force: true })
  writeFileSync(join(state, 'format.json'), '{"version":1,"format":1}')
}
