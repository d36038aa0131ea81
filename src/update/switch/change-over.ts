import { randomUUID } from 'node:crypto'
import { rmSync } from 'node:fs'
import { concealed } from '../../config/key.ts'
import { EXECUTABLE } from '../../platform/executable.ts'
import { writeAtomic } from '../../platform/files.ts'
import { startPath, startsPath, type Trial } from '../record.ts'
import { putStandIn } from './place.ts'
import type { Target } from './target.ts'
import { standIn, startText } from './trial.ts'

interface Versions {
  /** Folder of the staged version. */
  nextDir: string
  /** Path of the previous version's program. */
  previous: string
}

/**
 * Returns the plan of a switch to a staged version, which must be recorded before the switch. @param args
 * arguments of the daemon
 */
export function trialOf(
  { mode: _, ...place }: Target,
  { nextDir, previous }: Versions,
  { args, confirmMs }: { args: readonly string[]; confirmMs: number },
): Trial {
  return {
    ...place,
    id: randomUUID(),
    next: nextDir,
    previous,
    args: concealed(args),
    confirm_ms: confirmMs,
  }
}

/**
 * Makes the next start of the daemon run the staged version, with these arguments and this environment. The
 * last step is one rename.
 * @throws the system's error
 */
export function changeOver(
  trial: Trial,
  { stateDir, args, env }: { stateDir: string; args: readonly string[]; env: NodeJS.ProcessEnv },
) {
  rmSync(startsPath(stateDir), { force: true })
  writeAtomic(startPath(stateDir), startText(args, env), { durable: true })
  putStandIn(trial, standIn(trial, stateDir, EXECUTABLE))
}
