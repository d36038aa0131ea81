import { copyFileSync, existsSync, lstatSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { makeFolder } from '../../platform/files.ts'
import type { Trial } from '../record.ts'
import { COMMAND, chunksOf, installedProgram, type Place, trialName } from './paths.ts'
import { filesOf, placeFile, replaceFile, replaceLink } from './replace.ts'
import { type Facts, standInAt } from './trial.ts'

/**
 * Puts the stand-in in the program's place, with one rename. From then on, a start of the daemon runs the
 * next version, and every other command still runs the previous version.
 */
export function putStandIn(trial: Trial, standIn: string) {
  const { layout, root, program } = trial
  if (layout === 'package') {
    // Add the chunks now: keepNext() must work even on a full disk, which may have no space for another
    // folder.
    addChunks(trial)
    return replaceFile(join(root, program), standIn)
  }
  const dir = join(root, 'versions', trialName(trial))
  rmSync(dir, { recursive: true, force: true })
  makeFolder(dirname(join(dir, program)))
  replaceFile(join(dir, program), standIn)
  // The package.json next to the program tells Node the program's module type.
  const kind = join(dirname(program), 'package.json')
  if (existsSync(join(trial.next, kind))) copyFileSync(join(trial.next, kind), join(dir, kind))
  point(root, trialName(trial), program)
}

/** Puts the next version in the program's place, with one rename, after a trial or without a trial. */
export function keepNext(place: Place & Pick<Trial, 'next'>) {
  const { layout, root, program, next: nextDir } = place
  if (layout !== 'package') return point(root, basename(nextDir), program)
  addChunks(place)
  replaceFile(join(root, program), join(nextDir, program), 'link')
}

/**
 * Puts the chunks of the next version next to the other chunks. The program loads them from there once it is
 * in its place.
 */
function addChunks({ root, program, next: nextDir }: Place & Pick<Trial, 'next'>) {
  for (const path of filesOf(nextDir, chunksOf(program))) placeFile(root, nextDir, path, 'link')
}

/** Ends a trial by putting the previous version back, with one rename. */
export function putBack({ layout, root, program, previous, restore }: Place & Omit<Facts, 'id' | 'since'>) {
  if (layout === 'package') return replaceFile(join(root, program), previous, 'link')
  if (restore !== undefined) return point(root, restore, program)
  // The prefix was empty before the update.
  rmSync(join(root, COMMAND), { force: true })
  rmSync(join(root, 'current'), { force: true })
}

/** Reports whether the program's place holds the stand-in of this trial. */
export const hasStandIn = (trial: Trial): boolean => standInAt(installedProgram(trial))?.id === trial.id

/** Makes a version the current version of a prefix. */
function point(root: string, version: string, program: string) {
  replaceLink(join(root, 'current'), join('versions', version))
  if (lstatSync(join(root, COMMAND), { throwIfNoEntry: false })) return
  makeFolder(dirname(join(root, COMMAND)))
  replaceLink(join(root, COMMAND), join('..', 'current', program))
}
