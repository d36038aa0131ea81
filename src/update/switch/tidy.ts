import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import valid from 'semver/functions/valid.js'
import type { Trial } from '../record.ts'
import { chunksOf, type Place, previousDir, trialName, workDir } from './paths.ts'
import { filesOf, placeFile } from './replace.ts'
import { isTrialName } from './trial.ts'

/** Age at which a version counts as no longer in use, in milliseconds. */
const NEW_MS = 60 * 60_000

/**
 * Finishes an update: replaces the other files of the package, and removes files that are no longer needed.
 */
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
      if (path !== program && !path.startsWith(chunks)) placeFile(root, nextDir, path, 'copy')
    clearChunks(root, program)
    return rmSync(nextDir, { recursive: true, force: true })
  }
  clear(workDir(layout, root), [basename(nextDir), ...(restore === undefined ? [] : [restore])])
}

/** Cleans up after a failed trial. */
export function tidyBack(trial: Trial) {
  const { layout, root, program, next: nextDir } = trial
  for (const dir of [nextDir, join(workDir(layout, root), trialName(trial))])
    rmSync(dir, { recursive: true, force: true })
  if (layout === 'package') clearChunks(root, program)
}

/**
 * Removes the chunks of all versions except the installed version and the previous version, because a command
 * of the previous version may still be running.
 */
function clearChunks(root: string, program: string) {
  const dir = join(root, chunksOf(program))
  if (!existsSync(dir)) return
  const programs = [root, previousDir(root)].map((folder) => join(folder, program))
  const texts = programs.filter(existsSync).map((path) => readFileSync(path, 'latin1'))
  for (const name of readdirSync(dir))
    if (!texts.some((text) => text.includes(name))) rmSync(join(dir, name), { recursive: true, force: true })
}

/**
 * Removes old versions and remaining files of updates. Keeps recent versions, because an installer may be
 * using them.
 */
function clear(dir: string, keep: string[]) {
  for (const name of readdirSync(dir)) {
    const path = join(dir, name)
    const ours = valid(name) !== null || isTrialName(name)
    if (!ours || keep.includes(name) || Date.now() - statSync(path).mtimeMs < NEW_MS) continue
    try {
      rmSync(path, { recursive: true, force: true })
    } catch {
      // The file may have been created with sudo. It causes no problems, so keep it.
    }
  }
}
