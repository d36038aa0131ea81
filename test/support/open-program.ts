import { copyFileSync, linkSync } from 'node:fs'
import { basename, join } from 'node:path'

/**
 * Puts a program into a folder that every user can enter: other users may be unable to reach the program at its
 * own path. @returns its path there
 */
export function openProgram(folder: string, program: string): string {
  const path = join(folder, basename(program))
  try {
    linkSync(program, path)
  } catch {
    // The folder may be on another disk.
    copyFileSync(program, path)
  }
  return path
}
