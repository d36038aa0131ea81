import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { openFolder } from '../../src/platform/open-folder.ts'
import { Place } from '../../src/workspace/place.ts'
import { type Cleanup, tempDir } from './temp.ts'

// Needs: git

/** A git repository for a test. */
export interface GitRepository {
  dir: string
  /** Runs git in the repository, without the settings of the user. @returns the output */
  git(...args: string[]): string
  /** Writes a file, with its folders. */
  write(path: string, content: string | Buffer): void
  /** Commits all files. @returns the id of the commit */
  commit(): string
}

/** Creates a repository with these files in its first commit. */
export function gitRepository(dir: string, files: Record<string, string | Buffer> = {}): GitRepository {
  mkdirSync(dir, { recursive: true })
  const env = {
    PATH: process.env.PATH,
    HOME: dir,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_AUTHOR_NAME: 'a',
    GIT_AUTHOR_EMAIL: 'a@example.com',
    GIT_COMMITTER_NAME: 'a',
    GIT_COMMITTER_EMAIL: 'a@example.com',
  }
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: dir, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim()
  const write = (path: string, content: string | Buffer) => {
    mkdirSync(dirname(join(dir, path)), { recursive: true })
    writeFileSync(join(dir, path), content)
  }
  const commit = () => {
    git('add', '--all')
    git('commit', '--quiet', '--allow-empty', '--message', 'A commit')
    return git('rev-parse', 'HEAD')
  }
  git('init', '--quiet', '--initial-branch', 'main')
  for (const [path, content] of Object.entries(files)) write(path, content)
  if (Object.keys(files).length > 0) commit()
  return { dir, git, write, commit }
}

/** Opens a folder as a daemon does for an agent of its own user. */
export function placeAt(t: Cleanup, dir: string, hidden: string[] = []): Place {
  const folder = openFolder(dir)
  t.after(() => folder.close())
  const scratch = realpathSync(mkdtempSync(join(tempDir(t), 'scratch-')))
  const user = { command: [], path: process.env.PATH ?? '', home: homedir(), scratch }
  return new Place({ named: dir, folder, user, mayRead: () => true, hidden })
}
