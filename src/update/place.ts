import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Trial } from './record.ts'

/** First line, after the one for the system, of the program that stands in while a version is on trial. */
export const TRIAL_MARK = '// On trial: '
const MARK_WITHIN = 200

const LOCK = '.lock'
export const lockPath = (mode: Trial['mode'], root: string) => join(workDir(mode, root), LOCK)

/** Of the root of an installation, what this program keeps there. */
export const workDir = (mode: Trial['mode'], root: string) =>
  mode === 'global' ? join(root, '.update') : join(root, 'versions')

/** The folder that holds a version. */
export const versionDir = (mode: Trial['mode'], root: string, version: string) =>
  mode === 'global' ? join(root, '.update', version) : join(root, 'versions', version)

/** What is run as the daemon's command. */
export const entryOf = (mode: Trial['mode'], root: string, program: string) =>
  mode === 'global' ? join(root, program) : join(root, 'bin/fomular-daemon')

/**
 * Puts the stand-in in the program's place: the change-over, by one rename. From here on, a start of the daemon runs the
 * next version, and every other command the previous one.
 */
export function putOnTrial(trial: Trial, standIn: string) {
  const { mode, root, program } = trial
  if (mode === 'global') return replaceFile(join(root, program), standIn)
  const dir = join(root, 'versions', trialName(trial))
  rmSync(dir, { recursive: true, force: true })
  mkdirSync(dirname(join(dir, program)), { recursive: true })
  writeFileSync(join(dir, program), standIn)
  chmodSync(join(dir, program), 0o755)
  // What Node reads to know what kind of file it is.
  const kind = join(dirname(join(trial.next, program)), 'package.json')
  if (existsSync(kind)) copyFileSync(kind, join(dirname(join(dir, program)), 'package.json'))
  point(root, trialName(trial))
  mkdirSync(join(root, 'bin'), { recursive: true })
  replaceLink(join(root, 'bin/fomular-daemon'), join('..', 'current', program))
}

/** Ends the trial in favour of the next version: one rename. */
export function keepNext({ mode, root, program, next }: Trial) {
  if (mode === 'global') replaceFile(join(root, program), join(next, program), 'copy')
  else point(root, basename(next))
}

/** Ends the trial in favour of the previous version: one rename. */
export function putBack({ mode, root, program, previous }: Trial) {
  if (mode === 'global') return replaceFile(join(root, program), join(previous, program), 'copy')
  if (dirname(previous) === join(root, 'versions')) return point(root, basename(previous))
  // There was nothing here before.
  rmSync(join(root, 'bin/fomular-daemon'), { force: true })
  rmSync(join(root, 'current'), { force: true })
}

/** Whether a start of the daemon would, now, be the next version's trial. */
export function isOnTrial(trial: Trial): boolean {
  const { mode, root, program } = trial
  try {
    if (mode === 'user-prefix') return basename(readlinkSync(join(root, 'current'))) === trialName(trial)
    const head = Buffer.alloc(MARK_WITHIN)
    const fd = openSync(join(root, program), 'r')
    readSync(fd, head, 0, MARK_WITHIN, 0)
    closeSync(fd)
    return head.includes(TRIAL_MARK)
  } catch {
    return false
  }
}

/** After a trial that succeeded: the rest of the package follows its program, and what is not needed any more goes. */
export function tidy({ mode, root, program, previous, next }: Trial) {
  if (mode === 'global') {
    for (const path of filesOf(next)) {
      if (path === program) continue
      mkdirSync(dirname(join(root, path)), { recursive: true })
      replaceFile(join(root, path), join(next, path), 'copy')
    }
  }
  clear(workDir(mode, root), [previous, next])
}

/** After a trial that failed. */
export function tidyBack({ mode, previous, next }: Trial) {
  for (const dir of mode === 'global' ? [next, previous] : [next])
    rmSync(dir, { recursive: true, force: true })
}

/** A copy of a package as it is installed now, of what belongs to it. */
export function copyPackage(root: string, target: string) {
  const temp = `${target}.tmp`
  rmSync(temp, { recursive: true, force: true })
  for (const path of filesOf(root)) {
    if (path.startsWith('.update') || path.endsWith('.new')) continue
    mkdirSync(dirname(join(temp, path)), { recursive: true })
    copyFileSync(join(root, path), join(temp, path))
  }
  rmSync(target, { recursive: true, force: true })
  renameSync(temp, target)
}

const trialName = ({ next }: Trial) => `.trial-${basename(next)}`

function point(root: string, version: string) {
  replaceLink(join(root, 'current'), join('versions', version))
}

function replaceLink(path: string, target: string) {
  const temp = `${path}.new`
  rmSync(temp, { force: true })
  symlinkSync(target, temp)
  renameSync(temp, path)
}

/** @param content text, or the file to copy */
function replaceFile(path: string, content: string, how: 'write' | 'copy' = 'write') {
  const temp = `${path}.new`
  rmSync(temp, { force: true })
  if (how === 'copy') copyFileSync(content, temp)
  else {
    writeFileSync(temp, content)
    chmodSync(temp, 0o755)
  }
  const fd = openSync(temp, 'r')
  fsyncSync(fd)
  closeSync(fd)
  renameSync(temp, path)
}

function filesOf(dir: string, below = ''): string[] {
  return readdirSync(join(dir, below), { withFileTypes: true }).flatMap((entry) => {
    const path = join(below, entry.name)
    return entry.isDirectory() ? filesOf(dir, path) : [path]
  })
}

/** Removes what is left over in the folder with versions, beside the lock of an update that is under way. */
function clear(dir: string, keep: string[]) {
  const kept = [...keep.map((path) => basename(path)), LOCK]
  for (const name of readdirSync(dir))
    if (!kept.includes(name)) rmSync(join(dir, name), { recursive: true, force: true })
}
