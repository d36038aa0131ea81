import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { CommandFailure } from '../agents/command-failure.ts'
import { commonDirOf, type SpecRecord } from '../agents/disk/records.ts'
import type { AgentUser } from '../agents/process/agent-user.ts'
import { type Sandbox, sandboxed } from '../agents/process/sandbox.ts'
import { rightsOf } from '../platform/may-read.ts'
import { type OpenFolder, openFolder } from '../platform/open-folder.ts'
import { realPath } from '../platform/real-path.ts'
import { SYSTEM_PATH } from '../platform/system-path.ts'
import { trustedPath } from '../platform/trusted-path.ts'
import type { AgentSpec } from '../protocol/index.ts'
import { isWithin } from '../protocol/policy-rules.ts'
import { Place } from '../workspace/place.ts'

/** Maximum number of an agent's folders that are read. */
const FOLDERS = 20

/** Rules of a policy for reading the folders of an agent. */
export interface ReadingRules {
  /** User who runs programs; undefined for the daemon's user. */
  user: AgentUser | undefined
  /** Sandbox in which programs are run. */
  sandbox: Sandbox | undefined
  /** Files and folders that nobody may see. */
  hidden: readonly string[]
}

/**
 * Opens the folders of an agent, and calls a function with them. Programs that the function runs have the
 * agent's user and sandbox.
 * @param rulesFor returns the rules for folders, whose links are resolved. Throws a CommandFailure if the
 * policy does not permit them
 * @throws CommandFailure if a folder cannot be opened
 */
export async function withPlaces<T>(
  { spec, worktree }: Pick<SpecRecord, 'worktree'> & { spec: Pick<AgentSpec, 'cwd' | 'add_dirs'> },
  rulesFor: (folders: string[]) => ReadingRules,
  run: (places: Place[]) => Promise<T>,
): Promise<T> {
  const folders: { named: string; folder: OpenFolder }[] = []
  const scratch = realPath(mkdtempSync(join(tmpdir(), 'fomular-')))
  try {
    for (const named of [spec.cwd, ...(spec.add_dirs ?? [])].slice(0, FOLDERS)) {
      const folder = opened(named)
      // A folder in another folder of the agent is a part of that folder.
      if (folders.some(({ folder: { real } }) => isWithin(folder.real, real))) folder.close()
      else folders.push({ named, folder })
    }
    const real = folders.map(({ folder }) => folder.real)
    const { user, sandbox, hidden } = rulesFor(real)
    // The agent's user must be able to read the files in this folder.
    chmodSync(scratch, 0o755)
    const repository = worktree ? [commonDirOf(worktree)] : []
    const command = await commandFor({ user, sandbox, folders: [...real, ...repository], scratch })
    const gitUser = {
      command,
      path: user ? SYSTEM_PATH : trustedPath(),
      home: user?.home ?? homedir(),
      scratch,
    }
    const mayRead = user ? rightsOf(user).mayRead : () => true
    const unseen = hidden.map((path) => realPath(path))
    return await run(
      folders.map(
        ({ named, folder }) => new Place({ named, folder, user: gitUser, mayRead, hidden: unseen }),
      ),
    )
  } finally {
    for (const { folder } of folders) folder.close()
    rmSync(scratch, { recursive: true, force: true })
  }
}

function opened(path: string): OpenFolder {
  try {
    return openFolder(path)
  } catch {
    throw new CommandFailure('cwd_missing', `The agent's folder ${path} cannot be opened.`, {
      remedy: 'Check that the folder still exists.',
    })
  }
}

interface CommandOptions {
  user: AgentUser | undefined
  sandbox: Sandbox | undefined
  folders: string[]
  scratch: string
}

async function commandFor({ user, sandbox, folders, scratch }: CommandOptions): Promise<readonly string[]> {
  if (!sandbox) return user?.command ?? []
  const [cwd = '/', ...chosen] = folders
  const none = { writable: [], empty: [] }
  return sandboxed(
    sandbox,
    { home: user?.home ?? homedir(), cwd, chosen, ...none, readable: [scratch] },
    user?.command,
  )
}
