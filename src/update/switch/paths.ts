import { readlinkSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Trial } from '../record.ts'
import { TRIAL } from './trial.ts'

type Layout = Trial['layout']
/** A program within an installation. */
export type Place = Pick<Trial, 'layout' | 'root' | 'program'>

const LOCK = '.lock'
/** Path of the command within a prefix. */
export const COMMAND = 'bin/fomular-daemon'

/** Returns the folder for this program's own files in the root of an installation. */
export const workDir = (layout: Layout, root: string) =>
  join(root, layout === 'package' ? '.update' : 'versions')

export const lockPath = (layout: Layout, root: string) => join(workDir(layout, root), LOCK)

/** Returns the folder that holds a version before it is installed. */
export const versionDir = (layout: Layout, root: string, version: string) =>
  join(workDir(layout, root), version)

/** Returns the path of the installed program. During a trial, the stand-in is at this path. */
export const installedProgram = ({ layout, root, program }: Place) =>
  layout === 'package' ? join(root, program) : join(root, 'current', program)

/** Returns the path of the daemon's command. */
export const commandOf = ({ layout, root, program }: Place) =>
  layout === 'package' ? join(root, program) : join(root, COMMAND)

/**
 * Returns the name of the folder in `versions/` to which `current` points; undefined if there is no link
 * `current`.
 */
export function currentVersion(root: string): string | undefined {
  try {
    return basename(readlinkSync(join(root, 'current')))
  } catch {
    return undefined
  }
}

/** Returns the folder, within an npm package, for a copy of the previous version. */
export const previousDir = (root: string) => join(workDir('package', root), 'previous')

/** Returns the name of the folder in `versions/` that contains the stand-in during a trial. */
export const trialName = ({ next: nextDir }: Trial) => `${TRIAL}${basename(nextDir)}`

/** Returns the folder within a package that contains a folder of chunks for each build of the program. */
export const chunksOf = (program: string) => join(dirname(program), 'program')

/** Reports whether a package has chunks. The program of such a package does not run without them. */
export const hasChunks = (paths: Iterable<string>, program: string): boolean =>
  [...paths].some((path) => path.startsWith(chunksOf(program)))
