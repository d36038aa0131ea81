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
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import valid from 'semver/functions/valid.js'
import { COMPILE_CACHE } from '../../platform/chunks.ts'
import { makeFolder, syncFolder } from '../../platform/files.ts'
import type { Trial } from '../record.ts'
import { type Facts, isTrialName, standInAt, TRIAL } from './trial.ts'

type Layout = Trial['layout']
type Place = Pick<Trial, 'layout' | 'root' | 'program'>

const LOCK = '.lock'
const COMMAND = 'bin/fomular-daemon'
const OLD_VERSION = 'previous'
/** Age up to which a version may still be in use, in milliseconds. */
const NEW_MS = 60 * 60_000

/** Returns the folder for this program's own files in the root of an installation. */
export const workDir = (layout: Layout, root: string) =>
  join(root, layout === 'package' ? '.update' : 'versions')

export const lockPath = (layout: Layout, root: string) => join(workDir(layout, root), LOCK)

/** Returns the folder that holds a version before it is installed. */
export const versionDir = (layout: Layout, root: string, version: string) =>
  join(workDir(layout, root), version)

/** Returns the path of the installed program, which may be a stand-in. */
export const installedProgram = ({ layout, root, program }: Place) =>
  layout === 'package' ? join(root, program) : join(root, 'current', program)

/** Returns the path of the daemon's command. */
export const commandOf = ({ layout, root, program }: Place) =>
  layout === 'package' ? join(root, program) : join(root, COMMAND)

/** Returns the name in `versions/` that `current` points to; undefined if there is no such link. */
export function currentVersion(root: string): string | undefined {
  try {
    return basename(readlinkSync(join(root, 'current')))
  } catch {
    return undefined
  }
}

/**
 * Puts the stand-in in the program's place, with one rename. From then on, starting the daemon runs
 * the next version, and every other command still runs the previous one.
 */
export function putStandIn(trial: Trial, standIn: string) {
  const { layout, root, program } = trial
  if (layout === 'package') return replaceFile(join(root, program), standIn)
  const dir = join(root, 'versions', trialName(trial))
  rmSync(dir, { recursive: true, force: true })
  makeFolder(dirname(join(dir, program)))
  replaceFile(join(dir, program), standIn)
  // It tells Node the module type of the program.
  const kind = join(dirname(program), 'package.json')
  if (existsSync(join(trial.next, kind))) copyFileSync(join(trial.next, kind), join(dir, kind))
  point(root, trialName(trial), program)
}

/** Puts the next version in the program's place, with one rename, whether it was on trial or not. */
export function keepNext({ layout, root, program, next: nextDir }: Place & Pick<Trial, 'next'>) {
  if (layout !== 'package') return point(root, basename(nextDir), program)
  // First, because the program loads them from now on.
  for (const path of filesOf(nextDir, chunksOf(program))) place(root, nextDir, path, 'link')
  replaceFile(join(root, program), join(nextDir, program), 'link')
}

/** Ends a trial by putting the previous version back, with one rename. */
export function putBack({ layout, root, program, previous, restore }: Place & Omit<Facts, 'id' | 'since'>) {
  if (layout === 'package') return replaceFile(join(root, program), previous, 'link')
  if (restore !== undefined) return point(root, restore, program)
  // The prefix was empty before.
  rmSync(join(root, COMMAND), { force: true })
  rmSync(join(root, 'current'), { force: true })
}

/** Reports whether the program's place holds the stand-in of this trial. */
export const hasStandIn = (trial: Trial): boolean => standInAt(installedProgram(trial))?.id === trial.id

/** Finishes an update: replaces the rest of the package, and removes files that are no longer needed. */
export function tidy({
  layout,
  root,
  program,
  next: nextDir,
  restore,
}: Place & Pick<Trial, 'next' | 'restore'>) {
  if (layout === 'package') {
    const chunks = chunksOf(program)
    for (const path of filesOf(nextDir))
      if (path !== program && !path.startsWith(chunks)) place(root, nextDir, path, 'copy')
    clearChunks(root, program)
    return rmSync(nextDir, { recursive: true, force: true })
  }
  clear(workDir(layout, root), [basename(nextDir), ...(restore === undefined ? [] : [restore])])
}

/** Cleans up after a failed trial. */
export function tidyBack(trial: Trial) {
  const { layout, root, next: nextDir } = trial
  for (const dir of [nextDir, join(workDir(layout, root), trialName(trial))])
    rmSync(dir, { recursive: true, force: true })
}

/** Copies the files of an installed package. @returns the folder of the copy */
export function copyPackage(root: string): string {
  const target = join(root, '.update', OLD_VERSION)
  const temp = `${target}.new`
  rmSync(temp, { recursive: true, force: true })
  for (const path of filesOf(root)) if (!path.startsWith('.update')) place(temp, root, path, 'copy')
  rmSync(target, { recursive: true, force: true })
  renameSync(temp, target)
  return target
}

const trialName = ({ next: nextDir }: Trial) => `${TRIAL}${basename(nextDir)}`

/** Returns the folder, within a package, with a folder of chunks for each build of the program. */
const chunksOf = (program: string) => join(dirname(program), 'program')

/** Reports whether a package has chunks, without which its program does not run. */
export const hasChunks = (paths: Iterable<string>, program: string): boolean =>
  [...paths].some((path) => path.startsWith(chunksOf(program)))

/**
 * Removes the chunks of all versions but the installed and the previous one: a command of the previous version
 * may still be running.
 */
function clearChunks(root: string, program: string) {
  const dir = join(root, chunksOf(program))
  if (!existsSync(dir)) return
  const programs = [root, join(root, '.update', OLD_VERSION)].map((folder) => join(folder, program))
  const texts = programs.filter(existsSync).map((path) => readFileSync(path, 'latin1'))
  for (const name of readdirSync(dir))
    if (!texts.some((text) => text.includes(name))) rmSync(join(dir, name), { recursive: true, force: true })
}

/** Makes a version of a prefix the current one. */
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
 * @param content text of a program, or the file to copy or link. A link needs no disk space: putting the
 * previous version back must work on a full disk.
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

/** Puts a file of one package into another. */
function place(to: string, from: string, path: string, how: 'copy' | 'link') {
  makeFolder(dirname(join(to, path)))
  replaceFile(join(to, path), join(from, path), how)
}

/** Makes a hard link. @returns false if the file system does not support links */
function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch {
    return false
  }
}

function filesOf(dir: string, below = ''): string[] {
  if (!existsSync(join(dir, below))) return []
  return readdirSync(join(dir, below), { withFileTypes: true }).flatMap((entry) => {
    const path = join(below, entry.name)
    if (!entry.isDirectory()) return [path]
    return entry.name === COMPILE_CACHE ? [] : filesOf(dir, path)
  })
}

/** Removes old versions and leftovers of updates, but keeps recent ones: an installer may be using them. */
function clear(dir: string, keep: string[]) {
  for (const name of readdirSync(dir)) {
    const path = join(dir, name)
    const ours = valid(name) !== null || isTrialName(name)
    if (!ours || keep.includes(name) || Date.now() - statSync(path).mtimeMs < NEW_MS) continue
    try {
      rmSync(path, { recursive: true, force: true })
    } catch {
      // It may have been put here with sudo. It does no harm.
    }
  }
}
