import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { systemCode } from '../platform/errors.ts'
import { WorkspaceFailure } from './failure.ts'

/** Time limit for a git command, in ms. */
const GIT_MS = 20_000
/** Time limit for a git command that only reads settings or names of commits, in ms. */
export const QUICK_MS = 5000
/** Maximum output of a git command, in bytes. */
const OUTPUT_BYTES = 32 * 1024 * 1024

/** Rules for running programs for an agent: as its user, and in its sandbox. */
export interface GitUser {
  /** Command to put before a program. */
  command: readonly string[]
  /** Folders in which programs are searched. */
  path: string
  home: string
  /** Folder for temporary files, which these programs can read. */
  scratch: string
}

export interface GitOptions {
  /** Variables that name the repository. */
  env: Record<string, string>
  /** A path by which a child process can enter a folder. */
  cwd?: string
  input?: string
  /** Maximum output, in bytes. */
  most?: number
  /** Time limit, in ms. */
  ms?: number
}

export interface GitOutput {
  code: number
  stdout: Buffer
  stderr: Buffer
}

/**
 * Variables for every git command. No command asks, opens a pager, connects to a server, or writes to the
 * repository by the way. Paths are never patterns.
 */
const ENVIRONMENT = {
  LC_ALL: 'C',
  GIT_OPTIONAL_LOCKS: '0',
  GIT_LITERAL_PATHSPECS: '1',
  GIT_NO_REPLACE_OBJECTS: '1',
  GIT_NO_LAZY_FETCH: '1',
  GIT_ALLOW_PROTOCOL: 'none',
  GIT_TERMINAL_PROMPT: '0',
  GIT_PAGER: 'cat',
}

/** Variables with which git does not read the settings of the user and of the system. */
export const WITHOUT_SETTINGS = {
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_ATTR_NOSYSTEM: '1',
}

/**
 * Runs git with a clean environment, so that no variable of the daemon has an effect.
 * @throws WorkspaceFailure if git is missing, takes too long, or writes too much
 */
export function git(user: GitUser, args: readonly string[], options: GitOptions): Promise<GitOutput> {
  const { env, cwd = '/', input, most = OUTPUT_BYTES, ms = GIT_MS } = options
  const [file, ...rest] = [...user.command, 'git', '--no-pager', ...args] as [string, ...string[]]
  return new Promise((resolve, reject) => {
    const child = execFile(
      file,
      rest,
      {
        cwd,
        env: { PATH: user.path, HOME: user.home, ...ENVIRONMENT, ...env },
        encoding: 'buffer',
        timeout: ms,
        killSignal: 'SIGKILL',
        maxBuffer: most,
      },
      (error, stdout, stderr) => {
        if (!error) return resolve({ code: 0, stdout, stderr })
        if (typeof error.code === 'number') return resolve({ code: error.code, stdout, stderr })
        reject(failureOf(error, cwd, ms))
      },
    )
    // A git that ends early does not read its input.
    child.stdin?.on('error', () => {})
    child.stdin?.end(input ?? '')
  })
}

function failureOf(error: Error & { killed?: boolean }, cwd: string, ms: number): WorkspaceFailure {
  // If the folder is gone, the system reports the same error.
  if (systemCode(error) === 'ENOENT' && existsSync(cwd))
    return new WorkspaceFailure('git_missing', 'Git is not installed on this machine.', 'Install git.')
  if (systemCode(error) === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER')
    return new WorkspaceFailure(
      'git_failed',
      'The folder has too many changes for one list.',
      'Name some paths.',
    )
  const why = error.killed ? `did not answer within ${ms / 1000} seconds` : 'could not be run'
  return new WorkspaceFailure('git_failed', `Git ${why}.`, 'Try again, or name some paths.')
}
