import { chownSync, lstatSync, mkdirSync, readFileSync, rmdirSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { besideKey } from '../config/kept-identity.ts'
import { systemCode, UserError } from '../platform/errors.ts'
import { writeAtomic } from '../platform/files.ts'
import { run } from './run.ts'
import { setAsideState } from './set-aside.ts'

/** What installing and removing consist of: said before it is done, or instead of it. */
export type Step =
  | {
      do: 'write'
      path: string
      text: string
      mode: number
      owner?: { uid: number; gid: number }
    }
  | { do: 'remove'; path: string }
  /** Moves a state folder away, and makes one in its place that belongs to root and has the machine's identity. */
  | { do: 'set-aside'; path: string; aside: string }
  /** If there is nothing else in it. */
  | { do: 'remove-folder'; path: string }
  | {
      do: 'run'
      argv: string[]
      env?: NodeJS.ProcessEnv
      /** Where it may fail: what that means, and what to do. */
      optional?: string
    }

  /** What no program of the system does. */
  | { do: 'act'; text: string; act(): Promise<unknown> }
  /** What is left for somebody to do. */
  | { do: 'note'; text: string }

/** The key where a service finds it; nothing where it is there already. */
export const keySteps = (
  path: string,
  key: string | undefined,
  owner?: { uid: number; gid: number },
): Step[] =>
  key === undefined ? [] : [{ do: 'write', path, text: `${key}\n`, mode: 0o600, ...(owner && { owner }) }]

export interface Outcome {
  /** Whether anything was not yet so. */
  changed: boolean
  text: string
  /** What somebody should do. */
  warning?: string
}

/** A daemon that could write there has said beside its key who it is. */
export function removeIdentity(key: string): Step[] {
  const path = besideKey(key)
  return exists(path) ? [{ do: 'remove', path }] : []
}

/** Does one step; one that is done already is none. @throws UserError */
export async function perform(step: Step): Promise<Outcome> {
  switch (step.do) {
    case 'write': {
      if (isSame(step)) return { changed: false, text: `${step.path} is as it should be` }
      const dir = dirname(step.path)
      mkdirSync(dir, { recursive: true, mode: 0o755 })
      writeAtomic(step.path, step.text, { mode: step.mode, durable: true })
      // The file alone: in a folder of its own, a user could have root write through a link to anywhere.
      if (step.owner && process.getuid?.() === 0) chownSync(step.path, step.owner.uid, step.owner.gid)
      return { changed: true, text: `wrote ${step.path}` }
    }
    case 'remove': {
      const there = exists(step.path)
      rmSync(step.path, { force: true })
      return { changed: there, text: there ? `removed ${step.path}` : `${step.path} was not there` }
    }
    case 'set-aside':
      setAsideState(step.path, step.aside)
      return { changed: true, text: `moved ${step.path} to ${step.aside}` }
    case 'remove-folder':
      try {
        rmdirSync(step.path)
        return { changed: true, text: `removed ${step.path}` }
      } catch {
        return { changed: false, text: `${step.path} stays` }
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

/** For those who want to see it first. */
export function describe(step: Step): string {
  switch (step.do) {
    case 'write': {
      const mode = step.mode.toString(8).padStart(4, '0')
      return isSame(step) ? `${step.path} is as it should be` : `write ${step.path} (mode ${mode})`
    }
    case 'remove':
      return `remove ${step.path}`
    case 'set-aside':
      return `move ${step.path} to ${step.aside}`
    case 'remove-folder':
      return `remove ${step.path}, if nothing else is in it`
    case 'act':
      return step.text
    case 'note':
      return `say: ${step.text}`
    case 'run':
      return `run ${step.argv.join(' ')}`
  }
}

/** Whether a step writes nothing new. */
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
