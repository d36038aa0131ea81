import { dirname, join, resolve } from 'node:path'
import { readAtMost } from '../../../platform/read-at-most.ts'
import { realPath } from '../../../platform/real-path.ts'
import type { AgentSpec } from '../../../protocol/index.ts'
import { folder } from './open-sessions.ts'

/** Settings files, which can define hooks, permissions, variables, and helper programs. */
const SETTINGS = ['.claude/settings.json', '.claude/settings.local.json']
/** Folders with files that can define hooks, MCP servers, shell commands, and permissions. */
const FOLDERS = ['agents', 'commands', 'hooks', 'plugins', 'skills', 'workflows'].map(
  (name) => `.claude/${name}`,
)
const MCP = '.mcp.json'
/** Maximum size of a `.git` file, in bytes. */
const GIT_BYTES = 8192

/**
 * Returns the paths of all files and folders that can make Claude Code run a program in the specification's
 * folders. Includes paths that do not exist. Claude Code 2.1.260 and 2.1.332 read `.mcp.json` in every parent
 * folder, even above the repository. These versions read settings in the folder itself, in the repository,
 * and in the main checkout of a worktree. This function returns the paths of all these files for each of
 * these folders, since a later version may read more. The paths do not include the user's own configuration
 * folder.
 */
export function startupPaths({ cwd, add_dirs = [] }: AgentSpec, env: NodeJS.ProcessEnv): string[] {
  const own = realPath(folder(env))
  const above = upward(realPath(cwd))
  const checkouts = above.flatMap(mainCheckout)
  const folders = [...new Set([...above, ...checkouts, ...add_dirs.map(realPath)])]
  return folders.flatMap((dir) => [
    join(dir, MCP),
    ...(realPath(join(dir, '.claude')) === own
      ? []
      : [...SETTINGS, ...FOLDERS].map((name) => join(dir, name))),
  ])
}

function upward(path: string): string[] {
  const parent = dirname(path)
  return parent === path ? [path] : [path, ...upward(parent)]
}

/** If the folder is a worktree, returns its main checkout. */
function mainCheckout(dir: string): string[] {
  try {
    const gitDir = /^gitdir: (.*)/.exec(readAtMost(join(dir, '.git'), GIT_BYTES, 0).text)?.[1]?.trim()
    if (!gitDir) return []
    const own = resolve(dir, gitDir)
    const common = readAtMost(join(own, 'commondir'), GIT_BYTES, 0).text.trim()
    return [dirname(realPath(resolve(own, common)))]
  } catch {
    // `.git` is a folder, does not exist, or does not belong to a worktree.
    return []
  }
}

/**
 * Returns the part of a startup file that can run or permit a program; undefined if the file has no such
 * part.
 */
export function startupPart(path: string, text: string): string | undefined {
  if (path.endsWith('.json')) return text
  if (!path.endsWith('.md')) return undefined
  const [front = ''] = /^---\r?\n[\s\S]*?\n---/.exec(text) ?? []
  const shell = text.split('\n').filter((line) => line.includes('!`') || line.trimStart().startsWith('```!'))
  return (
    [
      ...(/^\s*(hooks|mcp-?servers|allowed-tools|tools|permission)/im.test(front) ? [front] : []),
      ...shell,
    ].join('\n') || undefined
  )
}
