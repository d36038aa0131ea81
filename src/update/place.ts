import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  linkSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { valid } from 'semver'
import { makeFolder, syncFolder } from '../platform/files.ts'
import type { Trial } from './record.ts'
import { type Facts, isTrialName, standInAt, TRIAL } from './trial.ts'

type Layout = Trial['layout']
type Place = Pick<Trial, 'layout' | 'root' | 'program'>

const LOCK = '.lock'
const COMMAND = 'bin/fomular-daemon'
const OLD_VERSION = 'previous'
/** What came so lately may still be in use. */
const NEW_MS = 60 * 60_000

/** Of the root of an installation, what this program keeps there. */
export const workDir = (layout: Layout, root: string) =>
  join(root, layout === 'package' ? '.update' : 'versions')

export const lockPath = (layout: Layout, root: string) => join(workDir(layout, root), LOCK)

/** The folder that holds a version before it is the one that runs. */
export const versionDir = (layout: Layout, root: string, version: string) =>
  join(workDir(layout, root), version)

/** The program as it is installed now: it may be a stand-in. */
export const installedProgram = ({ layout, root, program }: Place) =>
  layout === 'package' ? join(root, program) : join(root, 'current', program)

/** What is run as the daemon's command. */
export const commandOf = ({ layout, root, program }: Place) =>
  layout === 'package' ? join(root, program) : join(root, COMMAND)

/** Where `current` leads, as a name in `versions/`; undefined where there is none. */
export function currentVersion(root: string): string | undefined {
  try {
    return basename(readlinkSync(join(root, 'current')))
  } catch {
    return undefined
  }
}

/**
 * Puts the stand-in in the program's place: the change-over, by one rename. From here on, a start of the daemon runs the
 * next version, and every other command the previous one.
 */
export function putOnTrial(trial: Trial, standIn: string) {
  const { layout, root, program } = trial
  if (layout === 'package') return replaceFile(join(root, program), standIn)
  const dir = join(root, 'versions', trialName(trial))
  rmSync(dir, { recursive: true, force: true })
  makeFolder(dirname(join(dir, program)))
  replaceFile(join(dir, program), standIn)
  // What Node reads to know what kind of file it is.
  const kind = join(dirname(program), 'package.json')
  if (existsSync(join(trial.next, kind))) copyFileSync(join(trial.next, kind), join(dir, kind))
  point(root, trialName(trial), program)
}

/** Puts the next version in the program's place, on trial or not: one rename. */
export function keepNext({ layout, root, program, next }: Place & Pick<Trial, 'next'>) {
  if (layout === 'package') replaceFile(join(root, program), join(next, program), 'link')
  else point(root, basename(next), program)
}

/** Ends a trial in favour of the previous version: one rename. */
export function putBack({ layout, root, program, previous, restore }: Place & Omit<Facts, 'id' | 'since'>) {
  if (layout === 'package') return replaceFile(join(root, program), previous, 'link')
  if (restore !== undefined) return point(root, restore, program)
  // There was nothing here before.
  rmSync(join(root, COMMAND), { force: true })
  rmSync(join(root, 'current'), { force: true })
}

/** Whether a start of the daemon would, now, be the next version's trial. */
export const isOnTrial = (trial: Trial): boolean => standInAt(installedProgram(trial))?.id === trial.id

/** After an update: the rest of the package follows its program, and what is not needed any more goes. */
export function tidy({ layout, root, program, next, restore }: Place & Pick<Trial, 'next' | 'restore'>) {
  if (layout === 'package') {
    for (const path of filesOf(next)) {
      if (path === program) continue
      makeFolder(dirname(join(root, path)))
      replaceFile(join(root, path), join(next, path), 'copy')
    }
    return rmSync(next, { recursive: true, force: true })
  }
  clear(workDir(layout, root), [basename(next), ...(restore === undefined ? [] : [restore])])
}

/** After a trial that failed. */
export function tidyBack(trial: Trial) {
  const { layout, root, next } = trial
  for (const dir of [next, join(workDir(layout, root), trialName(trial))])
    rmSync(dir, { recursive: true, force: true })
}

/** Copies a package as it is installed now, of what belongs to it. @returns the folder */
export function copyPackage(root: string): string {
  const target = join(root, '.update', OLD_VERSION)
  const temp = `${target}.new`
  rmSync(temp, { recursive: true, force: true })
  for (const path of filesOf(root)) {
    if (path.startsWith('.update')) continue
    makeFolder(dirname(join(temp, path)))
    replaceFile(join(temp, path), join(root, path), 'copy')
  }
  rmSync(target, { recursive: true, force: true })
  renameSync(temp, target)
  return target
}

const trialName = ({ next }: Trial) => `${TRIAL}${basename(next)}`

/** Makes a version of a prefix the one that runs. */
function point(root: string, version: string, program: string) {
  replaceLink(join(root, 'current'), join('versions', version))
  if (lstatSync(join(root, COMMAND), { throwIfNoEntry: false })) return
  makeFolder(dirname(join(root, COMMAND)))
  replaceLink(join(root, COMMAND), join('..', 'current', program))
}

function replaceLink(path: string, target: string) {
  const temp = `${path}.new`
  rmSync(temp, { force: true })
  symlinkSync(target, temp)
  renameSync(temp, path)
  syncFolder(dirname(path))
}

/**
 * @param content text, which becomes a program, or the file to copy. A link in place of a copy needs no room on the disk:
 * what leads back must work on a full one.
 */
function replaceFile(path: string, content: string, how: 'write' | 'copy' | 'link' = 'write') {
  const temp = `${path}.new`
  rmSync(temp, { force: true })
  if (how === 'copy' || (how === 'link' && !linked(content, temp))) copyFileSync(content, temp)
  else if (how === 'write') {
    writeFileSync(temp, content)
    chmodSync(temp, 0o755)
  }
  const fd = openSync(temp, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameSync(temp, path)
  syncFolder(dirname(path))
}

/** @returns whether this file system has links */
function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch {
    return false
  }
}

function filesOf(dir: string, below = ''): string[] {
  return readdirSync(join(dir, below), { withFileTypes: true }).flatMap((entry) => {
    const path = join(below, entry.name)
    return entry.isDirectory() ? filesOf(dir, path) : [path]
  })
}

/** Removes versions and what is left over of updates, but nothing that is new here: an installer may be at work. */
function clear(dir: string, keep: string[]) {
  for (const name of readdirSync(dir)) {
    const path = join(dir, name)
    const ours = valid(name) !== null || isTrialName(name)
    if (!ours || keep.includes(name) || Date.now() - statSync(path).mtimeMs < NEW_MS) continue
    try {
      rmSync(path, { recursive: true, force: true })
    } catch {
      // Put here with sudo, say. It is in nobody's way.
    }
  }
}
