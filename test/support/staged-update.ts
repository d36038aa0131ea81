import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Trial, UpdateRecord } from '../../src/update/record.ts'
import { installedProgram } from '../../src/update/switch/paths.ts'
import { type Cleanup, tempDir } from './temp.ts'

export const OLD = '1.0.0'
export const NEW = '2.0.0'
export const LAYOUTS = ['package', 'prefix'] as const

/** The text of a program that stands in for a version, and records the version and its arguments. */
const programText = (version: string) =>
  `require('node:fs').appendFileSync(__dirname + '/runs', JSON.stringify([${JSON.stringify(version)}, ...process.argv.slice(2)]) + '\\n')\n`

/** An installation of version 1.0.0, with 2.0.0 staged next to it, and a state folder. */
export interface StagedUpdate {
  trial: Trial
  stateDir: string
  /** Returns the version of the installed program, or `stand-in` if a stand-in is installed. */
  installed(): string
}

export function stagedUpdate(t: Cleanup, layout: Trial['layout']): StagedUpdate {
  const dir = tempDir(t)
  const stateDir = join(dir, 'state')
  mkdirSync(stateDir, { mode: 0o700 })
  const root = join(dir, 'installed')
  const program = 'dist/index.js'
  const put = (folder: string, version: string) => {
    mkdirSync(join(folder, 'dist'), { recursive: true })
    writeFileSync(join(folder, program), programText(version), { mode: 0o755 })
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ version }))
    return folder
  }
  const place = { id: 'a-trial', layout, root, program, args: [], confirm_ms: 60_000 }
  const trial = layout === 'package' ? inPackage() : inPrefix()

  function inPackage(): Trial {
    put(root, OLD)
    const next = put(join(root, '.update', NEW), NEW)
    const previous = join(put(join(root, '.update/previous'), OLD), program)
    return { ...place, next, previous, entry: join(root, program), previous_entry: join(root, program) }
  }

  function inPrefix(): Trial {
    const previous = join(put(join(root, 'versions', OLD), OLD), program)
    const next = put(join(root, 'versions', NEW), NEW)
    symlinkSync(join('versions', OLD), join(root, 'current'))
    const entry = join(root, 'bin/fomular-daemon')
    mkdirSync(dirname(entry))
    symlinkSync(join('../current', program), entry)
    return { ...place, next, previous, restore: OLD, entry, previous_entry: entry }
  }

  return {
    trial,
    stateDir,
    installed() {
      const text = readFileSync(installedProgram(trial), 'utf8')
      return [OLD, NEW].find((version) => text === programText(version)) ?? 'stand-in'
    },
  }
}

/** Returns the record of an ordered update to 2.0.0. */
export const recordOf = (trial: Trial | undefined, changed: Partial<UpdateRecord> = {}): UpdateRecord => ({
  version: 1,
  command_id: 'an-update',
  origin: 'server',
  requested: 'latest',
  from: OLD,
  to: NEW,
  stage: 'relaunch',
  attempts: 1,
  started_at: '1970-01-01T00:00:00.000Z',
  restart_strategy: 'self',
  settled: false,
  bad_versions: [],
  ...(trial && { trial }),
  ...changed,
})
