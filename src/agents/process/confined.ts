import { chmodSync, chownSync, mkdirSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { writeAtomic } from '../../platform/files.ts'
import { realPath } from '../../platform/real-path.ts'
import { shellWord } from '../../platform/shell-word.ts'
import type { Agent } from '../agent.ts'
import { commonDirOf } from '../disk/records.ts'
import type { Permitted } from '../permit.ts'
import { type AgentUser, makeFoldersAs, reachableAs } from './agent-user.ts'
import { ownEnvironment } from './own-environment.ts'
import { type SandboxPlaces, sandboxed } from './sandbox.ts'

/**
 * Descriptor through which an agent that runs as another user reads the files in `given/`. The agent may not
 * enter this folder by its path.
 */
const GIVEN_FD = 9
/** Path of these files for the agent. */
export const GIVEN = `/proc/self/fd/${GIVEN_FD}`
const VARIABLES = 'variables.sh'

/**
 * Returns the beginning of a command that reads variables from a file, sets them, and then runs a program.
 */
const withVariables = (file: string) => ['/bin/sh', '-c', '. "$1"; shift; exec "$@"', 'sh', file]

export interface Launched {
  /** Program and arguments. */
  argv: readonly string[]
  /** Files that the program reads, by name. */
  files: Record<string, string>
  /** The launcher's environment, which the agent inherits. */
  env: NodeJS.ProcessEnv
  /** The agent's own variables. */
  own: Record<string, string | undefined>
  umask: string | undefined
}

/**
 * Writes the files of a run, and returns the command with which the launcher runs the program: directly, in a
 * sandbox, or as another user.
 * @throws CommandFailure if this machine cannot run the program in this way
 */
export async function confined(
  agent: Agent,
  { spec, sandbox, user }: Pick<Permitted, 'spec' | 'sandbox' | 'user'>,
  { argv, files, env, own, umask }: Launched,
): Promise<readonly string[]> {
  const { folder } = agent
  const texts = Object.entries(files)
  if (!user) for (const [name, text] of texts) writeAtomic(join(folder.dir, name), text)
  if (!user && !sandbox) {
    writeAtomic(folder.environment, ownEnvironment(own, umask))
    return argv
  }
  // The agent's variables must not affect the programs that make the sandbox or switch users.
  const inner = ownEnvironment({ ...own, ...(sandbox && { TMPDIR: undefined }) })
  const outer = sandbox && (await inSandbox(agent, { spec, sandbox, user }, { ...env, ...own }))
  if (!user) {
    writeAtomic(folder.variables, inner)
    writeAtomic(folder.environment, ownEnvironment({}, umask))
    return [...outer!, ...withVariables(folder.variables), ...argv]
  }
  give(folder.given, user, { ...files, [VARIABLES]: inner })
  const opened = `exec ${GIVEN_FD}<${shellWord(folder.given)}\n`
  writeAtomic(folder.environment, opened + ownEnvironment({}, umask))
  return [...(outer ?? user.command), ...withVariables(join(GIVEN, VARIABLES)), ...argv]
}

/** Replaces a folder with new files, which the user can read through a descriptor, but cannot change. */
function give(dir: string, { gid }: AgentUser, files: Record<string, string>) {
  rmSync(dir, { recursive: true, force: true })
  mkdirSync(dir, { mode: 0o700 })
  const own = process.geteuid?.() ?? 0
  for (const [name, text] of Object.entries(files)) {
    const path = join(dir, name)
    writeAtomic(path, text)
    chownSync(path, own, gid)
    chmodSync(path, 0o640)
  }
  chownSync(dir, own, gid)
  chmodSync(dir, 0o750)
}

async function inSandbox(
  { folder, record, run, runtime }: Agent,
  { spec, sandbox, user }: Pick<Permitted, 'spec' | 'user'> & { sandbox: NonNullable<Permitted['sandbox']> },
  env: NodeJS.ProcessEnv,
): Promise<string[]> {
  const { shared, needed, ofProcesses } = runtime.places(env)
  if (user) await makeFoldersAs(user, needed)
  else for (const path of needed) mkdirSync(path, { recursive: true, mode: 0o700 })
  const places: SandboxPlaces = {
    home: user?.home ?? homedir(),
    cwd: spec.cwd,
    // A commit in a working tree changes the repository from which the tree was made.
    chosen: [...(spec.add_dirs ?? []), ...repositoryOf(record)].map((path) => realPath(path)),
    writable: shared.map((path) => realPath(path)),
    empty: ofProcesses.map((path) => realPath(path)),
    readable: [...(user ? [] : [folder.real]), realPath(run.program)],
  }
  // Hide only what the user can reach.
  const hidden = user ? await reachableAs(user, sandbox.hidden) : sandbox.hidden
  return sandboxed({ ...sandbox, hidden }, places, user?.command)
}

const repositoryOf = ({ worktree }: Agent['record']) => (worktree ? [commonDirOf(worktree)] : [])
