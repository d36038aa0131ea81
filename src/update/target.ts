import { realpathSync, statSync } from 'node:fs'
import { userInfo } from 'node:os'
import { basename, dirname, join, resolve, sep } from 'node:path'
import { homeOf } from '../config/home.ts'
import { notOurs, strictByEnvironment } from '../config/strict.ts'
import { EXECUTABLE } from '../platform/executable.ts'
import { faultsOf } from '../platform/ours.ts'
import { UpdateFailure } from './failure.ts'
import { isWritable, type Layout, layoutOf } from './layout.ts'
import { commandOf, currentVersion } from './place.ts'
import type { Trial } from './record.ts'

/** Where a version goes. */
export type Target = Pick<Trial, 'layout' | 'root' | 'program' | 'entry' | 'previous_entry' | 'restore'> & {
  mode: 'global' | 'user-prefix'
  /** The program that runs, where it stays as it is; otherwise it is copied. */
  previous: string | undefined
}

/** Of an executable: one for this system alone has a package of its own. */
export const packageName = (name: string) =>
  EXECUTABLE ? `${name}-${process.platform}-${process.arch}` : name

/**
 * What an update of the installation changes that a command belongs to.
 * @param command the program by the name it was started by
 * @returns also the program's real path
 * @throws UpdateFailure for one that is not there any more, or cannot be updated in place
 */
export function targetAt(command: string, env: NodeJS.ProcessEnv): { program: string; target: Target } {
  let program: string
  try {
    program = realpathSync(command)
  } catch (cause) {
    throw new UpdateFailure(
      'update_refused',
      'resolve',
      `The program that this daemon was started as, ${command}, is not there any more: it was uninstalled or moved.`,
      { remedy: 'Install it again, then restart the daemon; until then it goes on running.', cause },
    )
  }
  return { program, target: targetOf(layoutOf(program, EXECUTABLE), { program, command, env }) }
}

/**
 * What an update of an installation like this changes.
 * @param command the program by the name it was started by
 * @throws UpdateFailure for one that cannot be updated in place
 */
export function targetOf(
  layout: Layout,
  { program: real, command, env }: { program: string; command: string; env: NodeJS.ProcessEnv },
): Target {
  const { kind, root } = layout
  const refuse = (message: string, remedy: string) =>
    new UpdateFailure('update_refused', 'resolve', message, { remedy })
  switch (kind) {
    case 'package': {
      if (!isWritable(root)) return userPrefix(layout.program, real, command, env)
      const { program } = layout
      return {
        layout: 'package',
        mode: modeOf(root, env),
        root,
        program,
        entry: command,
        previous_entry: command,
        previous: undefined,
      }
    }
    case 'prefix': {
      if (resolve(command).startsWith(join(root, 'versions')))
        throw refuse(
          `This daemon was started as ${command}, which is one version for ever.`,
          `Start it as ${commandOf({ ...layout, layout: 'prefix' })}.`,
        )
      if (!isWritable(root) || !isWritable(join(root, 'versions')))
        return userPrefix(layout.program, real, command, env)
      return prefix(root, layout.program, env, real)
    }
    case 'executable':
      return userPrefix('bin/fomular-daemon', real, command, env)
    case 'apt':
      throw refuse(
        'This daemon was installed by apt, from the package fomular-daemon: its updates come from there.',
        'Run sudo apt-get update && sudo apt-get install fomular-daemon; agents run on meanwhile.',
      )
    case 'npx':
      throw refuse(
        'This daemon runs from the cache of npx: there is nothing to update in place.',
        'Start it with `npx` and the newer version, or install it: npm install -g.',
      )
    case 'source':
      throw refuse(
        `This daemon runs from a checkout of its sources, ${root}.`,
        'Update that with git, and build it.',
      )
    case 'project':
      throw refuse(
        `This daemon belongs to a project or to another package manager (${root}).`,
        'Update it there.',
      )
    case 'unknown':
      throw refuse(
        `How this daemon was installed (${root}) is not known.`,
        'Install it with `npm install -g`, which can be updated in place.',
      )
  }
}

function prefix(root: string, program: string, env: NodeJS.ProcessEnv, real: string): Target {
  const entry = commandOf({ layout: 'prefix', root, program })
  const restore = currentVersion(root)
  return {
    layout: 'prefix',
    mode: modeOf(root, env),
    root,
    program,
    entry,
    previous_entry: entry,
    previous: restore === undefined ? real : join(root, 'versions', restore, program),
    ...(restore !== undefined && { restore }),
  }
}

/** For an installation that this user cannot write to: the prefix in the home folder, used for the first time or again. */
function userPrefix(program: string, real: string, command: string, env: NodeJS.ProcessEnv): Target {
  const root = userRoot(env)
  const owner = statSync(homeOf(env), { throwIfNoEntry: false })?.uid
  // With sudo, HOME may be another user's, who could then change what is run with the rights of this one.
  if (owner !== undefined && owner !== process.getuid?.())
    throw new UpdateFailure(
      'update_refused',
      'resolve',
      `${homeOf(env)} does not belong to the user of this daemon: updates are not put there.`,
      { remedy: 'Run it as the owner of that folder, or set HOME to one of its own.' },
    )
  const foreign = strictByEnvironment(env) ? faultsOf(root).find(({ kind }) => kind === 'owner') : undefined
  // What is there would not be run.
  if (foreign) {
    const { message, remedy } = notOurs(foreign)
    throw new UpdateFailure('update_refused', 'resolve', message, { ...(remedy !== undefined && { remedy }) })
  }
  return { ...prefix(root, program, env, real), previous_entry: command, previous: real }
}

const userRoot = (env: NodeJS.ProcessEnv) => join(homeOf(env), '.fomular')

/**
 * `user-prefix` for what lies in `~/.fomular`, however it came there. That is this user's home folder, by the environment
 * or by the system's list of users: a supervisor may have set another HOME.
 */
function modeOf(root: string, env: NodeJS.ProcessEnv): Target['mode'] {
  const place = `${realPathOf(root)}${sep}`
  const within = (home: string) => place.startsWith(`${realPathOf(join(home, '.fomular'))}${sep}`)
  return [homeOf(env), ...listedHome()].some(within) ? 'user-prefix' : 'global'
}

/** The home folder by the system's list of users; none where this user, as in a container, is not in it. */
function listedHome(): string[] {
  try {
    return [userInfo().homedir]
  } catch {
    return []
  }
}

/** With links followed as far as there is something. */
function realPathOf(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return dirname(path) === path ? path : join(realPathOf(dirname(path)), basename(path))
  }
}
