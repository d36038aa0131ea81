import { chownSync, lstatSync, mkdirSync, readFileSync, rmdirSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { besideKey } from '../config/kept-identity.ts'
import { systemCode, UserError } from '../platform/errors.ts'
import { writeAtomic } from '../platform/files.ts'
import { run } from './run.ts'
import { setAsideState } from './set-aside.ts'

/**
 * A step of installing or removing a service. It can be described before it runs, or without running it
 * (`--dry-run`).
 */
export type Step =
  | {
      do: 'write'
      path: string
      text: string
      mode: number
      owner?: { uid: number; gid: number }
    }
  | { do: 'remove'; path: string }
  /** Moves a state folder away and creates one in its place that belongs to root and keeps the machine's identity. */
  | { do: 'set-aside'; path: string; aside: string }
  /** Removes a folder if it is empty. */
  | { do: 'remove-folder'; path: string }
  | {
      do: 'run'
      argv: string[]
      env?: NodeJS.ProcessEnv
      /** Warning for a command that may fail: the consequence, and a remedy. */
      optional?: string
    }

  /** Calls a function of this program. */
  | { do: 'act'; text: string; act(): Promise<unknown> }
  /** Something that the user must still do. */
  | { do: 'note'; text: string }

/** Returns the steps that write a service's key; no steps if there is no new key. */
export const keySteps = (
  path: string,
  key: string | undefined,
  owner?: { uid: number; gid: number },
): Step[] =>
  key === undefined ? [] : [{ do: 'write', path, text: `${key}\n`, mode: 0o600, ...(owner && { owner }) }]

export interface Outcome {
  /** True if the step changed anything. */
  changed: boolean
  text: string
  /** Text about something that the user should do. */
  warning?: string
}

/** Returns the steps that remove the identity file that a daemon may have written next to its key. */
export function removeIdentity(key: string): Step[] {
  const path = besideKey(key)
  return exists(path) ? [{ do: 'remove', path }] : []
}

/** Performs a step. Skips it if its result already exists. @throws UserError */
export async function perform(step: Step): Promise<Outcome> {
  switch (step.do) {
    case 'write': {
      if (isSame(step)) return { changed: false, text: `${step.path} is up to date` }
      const dir = dirname(step.path)
      mkdirSync(dir, { recursive: true, mode: 0o755 })
      writeAtomic(step.path, step.text, { mode: step.mode, durable: true })
      // Change the owner of the file, but not of the folder: a user who owns the folder could replace the
      // file with a link, and make root write anywhere.
      if (step.owner && process.getuid?.() === 0) chownSync(step.path, step.owner.uid, step.owner.gid)
      return { changed: true, text: `wrote ${step.path}` }
    }
    case 'remove': {
      const there = exists(step.path)
      rmSync(step.path, { force: true })
      return { changed: there, text: there ? `removed ${step.path}` : `${step.path} does not exist` }
    }
    case 'set-aside':
      setAsideState(step.path, step.aside)
      return { changed: true, text: `moved ${step.path} to ${step.aside}` }
    case 'remove-folder':
      try {
        rmdirSync(step.path)
        return { changed: true, text: `removed ${step.path}` }
      } catch {
        return { changed: false, text: `did not remove ${step.path}` }
      }
    case 'act':
      await step.act()
      return { changed: true, text: step.text }
    case 'note':
      return { changed: false, text: step.text, warning: step.text }
    case 'run': {
      const { code, stderr } = await run(step.argv, step.env)
      if (code === 0) return { changed: true, text: step.argv.join(' ') }
      const said = stderr.trim().split('\n').slice(-3).join(' ')
      if (step.optional !== undefined)
        return { changed: false, text: `${step.argv.join(' ')}: ${said}`, warning: step.optional }
      throw new UserError('service_failed', `${step.argv.join(' ')} failed: ${said || `exit code ${code}`}`, {
        remedy: 'See `fomular-daemon service status` and `fomular-daemon service logs`.',
      })
    }
  }
}

/** Returns a description of a step for users who want to read it before the step runs. */
export function describe(step: Step): string {
  switch (step.do) {
    case 'write': {
      const mode = step.mode.toString(8).padStart(4, '0')
      return isSame(step) ? `${step.path} is up to date` : `write ${step.path} (mode ${mode})`
    }
    case 'remove':
      return `remove ${step.path}`
    case 'set-aside':
      return `move ${step.path} to ${step.aside}`
    case 'remove-folder':
      return `remove ${step.path} if it is empty`
    case 'act':
      return step.text
    case 'note':
      return `say: ${step.text}`
    case 'run':
      return `run ${step.argv.join(' ')}`
  }
}

/** Reports whether the file already has this text and mode. */
export function isSame({ path, text, mode }: Step & { do: 'write' }): boolean {
  try {
    return readFileSync(path, 'utf8') === text && (statSync(path).mode & 0o777) === mode
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false
    throw error
  }
}

function exists(path: string): boolean {
  try {
    lstatSync(path)
    return true
  } catch {
    return false
  }
}
