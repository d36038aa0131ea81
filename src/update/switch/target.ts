import { realpathSync, statSync } from 'node:fs'
import { userInfo } from 'node:os'
import { basename, dirname, join, resolve, sep } from 'node:path'
import { homeOf } from '../../config/home.ts'
import { foreignError, isStrictByEnvironment } from '../../config/refuse-foreign.ts'
import { EXECUTABLE } from '../../platform/executable.ts'
import { faultsOf } from '../../platform/ownership.ts'
import { UpdateFailure } from '../failure.ts'
import type { Trial } from '../record.ts'
import { isWritable, type Layout, layoutOf } from './layout.ts'
import { commandOf, currentVersion } from './paths.ts'

/** The place where a version is installed. */
export type Target = Pick<Trial, 'layout' | 'root' | 'program' | 'entry' | 'previous_entry' | 'restore'> & {
  mode: 'global' | 'user-prefix'
  /**
   * Path of the running program if the update does not replace it. Undefined if the update replaces the
   * program, which must then be copied first.
   */
  previous: string | undefined
}

/**
 * Returns the name of the package from which this program updates itself. The executable of each platform has
 * its own package.
 */
export const packageName = (name: string) =>
  EXECUTABLE ? `${name}-${process.platform}-${process.arch}` : name

/**
 * Returns the target of an update for the installation to which a command belongs.
 * @param command path used to start the program
 * @returns the target, and the program's real path
 * @throws UpdateFailure if the program no longer exists, or cannot be updated in place
 */
export function targetAt(command: string, env: NodeJS.ProcessEnv): { program: string; target: Target } {
  let program: string
  try {
    program = realpathSync(command)
  } catch (cause) {
    throw new UpdateFailure(
      'update_refused',
      'resolve',
      `The program of this daemon, ${command}, no longer exists: it was uninstalled or moved.`,
      { remedy: 'Install it again, then restart the daemon. Until then, the daemon keeps running.', cause },
    )
  }
  return { program, target: targetOf(layoutOf(program, EXECUTABLE), { program, command, env }) }
}

/**
 * Returns the target of an update for an installation of this layout.
 * @param command path used to start the program
 * @throws UpdateFailure if the installation cannot be updated in place
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
          `This daemon was started by the path ${command}, which belongs to a fixed version.`,
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
        'This daemon was installed with apt (package fomular-daemon), which also updates it.',
        'Run sudo apt-get update && sudo apt-get install fomular-daemon; agents keep running.',
      )
    case 'npx':
      throw refuse(
        'This daemon runs from the cache of npx: there is nothing to update in place.',
        'Start it with `npx` and the newer version, or install it with `npm install -g`.',
      )
    case 'source':
      throw refuse(
        `This daemon runs from a checkout of its sources, ${root}.`,
        'Update the checkout with git, and build it.',
      )
    case 'project':
      throw refuse(
        `This daemon belongs to a project or to another package manager (${root}).`,
        'Update it there.',
      )
    case 'unknown':
      throw refuse(
        `Cannot tell how this daemon was installed (${root}).`,
        'Install it with `npm install -g`: such an installation can be updated in place.',
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

/**
 * Returns the prefix in the home folder, which may be new. It is used if this user cannot write to the
 * installation.
 */
function userPrefix(program: string, real: string, command: string, env: NodeJS.ProcessEnv): Target {
  const root = userRoot(env)
  const owner = statSync(homeOf(env), { throwIfNoEntry: false })?.uid
  // With sudo, HOME may belong to another user. That user could then change a program that runs with this
  // user's rights.
  if (owner !== undefined && owner !== process.getuid?.())
    throw new UpdateFailure(
      'update_refused',
      'resolve',
      `${homeOf(env)} does not belong to this daemon's user: updates are not installed there.`,
      { remedy: 'Run the daemon as the owner of that folder, or set HOME to a folder that its user owns.' },
    )
  const foreign = isStrictByEnvironment(env) ? faultsOf(root).find(({ kind }) => kind === 'owner') : undefined
  // Do not install into such a folder: this program would refuse to run a program from it.
  if (foreign) {
    const { message, remedy } = foreignError(foreign)
    throw new UpdateFailure('update_refused', 'resolve', message, { ...(remedy !== undefined && { remedy }) })
  }
  return { ...prefix(root, program, env, real), previous_entry: command, previous: real }
}

const userRoot = (env: NodeJS.ProcessEnv) => join(homeOf(env), '.fomular')

/**
 * Returns `user-prefix` for any installation in `~/.fomular`. Checks the home folder from the environment and
 * the home folder from the user database, because a supervisor may have set a different HOME.
 */
function modeOf(root: string, env: NodeJS.ProcessEnv): Target['mode'] {
  const place = `${realPathOf(root)}${sep}`
  const within = (home: string) => place.startsWith(`${realPathOf(join(home, '.fomular'))}${sep}`)
  return [homeOf(env), ...listedHome()].some(within) ? 'user-prefix' : 'global'
}

/**
 * Returns a list with the home folder from the user database. The list is empty if the user is not in that
 * database, for example in some containers.
 */
function listedHome(): string[] {
  try {
    return [userInfo().homedir]
  } catch {
    return []
  }
}

/** Resolves links in the part of the path that exists. */
function realPathOf(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return dirname(path) === path ? path : join(realPathOf(dirname(path)), basename(path))
  }
}
