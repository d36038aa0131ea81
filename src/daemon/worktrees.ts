import { rmSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod/mini'
import type { Agent } from '../agents/agent.ts'
import { CommandFailure } from '../agents/command-failure.ts'
import { WorktreeRecord } from '../agents/disk/records.ts'
import { ensurePrivateDir, readJson, writeAtomic } from '../platform/files.ts'
import type { Logger } from '../platform/log.ts'
import { realPath } from '../platform/real-path.ts'
import { CommandId, type CommandOf, type ResultOf } from '../protocol/index.ts'
import { WorkspaceFailure } from '../workspace/failure.ts'
import { checkCommitted, checkMerged, mergeWorktree, repositoryOf } from '../workspace/merge.ts'
import type { Place } from '../workspace/place.ts'
import { findRepository } from '../workspace/repository.ts'
import { dropWorktree, makeWorktree, type Worktree } from '../workspace/worktree.ts'
import { type ReadingRules, withPlaces } from './agent-places.ts'
import { inCommand } from './workspaces.ts'

/** `worktrees/AGENT.json`: a working tree whose agent does not exist yet. */
const Unfinished = z.object({ version: z.literal(1), command_id: CommandId, worktree: WorktreeRecord })

export interface WorktreesOptions {
  /** Folder for the records of unfinished starts. */
  dir: string
  /** Returns the rules for reading folders. @throws CommandFailure if the policy does not permit the folders */
  rulesFor(folders: string[]): ReadingRules
  logger: Logger
}

type Start = CommandOf<'agent:start'>

/** Makes working trees for agents, merges their branches, and removes them. */
export class Worktrees {
  readonly #options: WorktreesOptions

  constructor(options: WorktreesOptions) {
    this.#options = options
  }

  /**
   * Starts an agent in its own working tree. If the start fails, the working tree is removed again.
   * @param start starts the agent, in the folder that the changed command names
   * @throws CommandFailure
   */
  async start(
    command: Start,
    start: (command: Start, worktree: WorktreeRecord) => Promise<Agent>,
  ): Promise<Agent> {
    const { dir, logger } = this.#options
    const { agent_id, command_id, spec } = command
    const record = join(dir, `${agent_id}.json`)
    ensurePrivateDir(dir)
    await this.#finish(record, command_id)
    return this.#inRepository(spec.cwd, async (place) => {
      const repository = ownRepository(place)
      const path = `${repository.top}-worktrees/${agent_id}`
      // The working tree has all files of the repository, also those outside of the named folder.
      this.#options.rulesFor([repository.top, realPath(path)])
      const branch = spec.worktree?.branch ?? `agent/${agent_id}`
      const mayExist = spec.worktree?.branch !== undefined
      const onPlanned = (worktree: Worktree) =>
        writeAtomic(record, JSON.stringify({ version: 1, command_id, worktree }), { durable: true })
      const worktree = await makeWorktree(repository, place.user, { path, branch, mayExist, onPlanned })
      try {
        const cwd = join(path, place.prefixIn(repository))
        return await start({ ...command, spec: { ...spec, cwd } }, worktree)
      } catch (error) {
        await dropWorktree(repository, place.user, worktree).catch((err) =>
          logger.error({ agent_id, err }, 'cannot remove the working tree of a failed start'),
        )
        throw error
      }
    }).finally(() => rmSync(record, { force: true }))
  }

  /** Merges an agent's branch. @throws CommandFailure */
  merge(agent: Agent): Promise<ResultOf<'agent:merge'>> {
    const worktree = worktreeOf(agent)
    return this.#inRepository(worktree.repository, ({ user }) => mergeWorktree(user, worktree))
  }

  /**
   * Removes an agent's working tree and its branch.
   * @param force true to remove changes that are not committed or not merged
   * @throws CommandFailure
   */
  async discard(agent: Agent, force: boolean): Promise<void> {
    const worktree = worktreeOf(agent)
    if (!agent.hasEnded)
      throw new CommandFailure('agent_running', `${agent.id} is running in its working tree.`, {
        remedy: 'Stop it first.',
      })
    await this.#inRepository(worktree.repository, async ({ user }) => {
      const repository = repositoryOf(worktree)
      if (!force) {
        await checkCommitted(worktree, user)
        await checkMerged(repository, user, worktree)
      }
      await dropWorktree(repository, user, worktree)
    })
  }

  /** Removes the working tree that an interrupted attempt of the same command has made. */
  async #finish(record: string, commandId: string) {
    const read = readJson(record, Unfinished)
    if (!read.ok || read.value.command_id !== commandId) return
    const { worktree } = read.value
    await this.#inRepository(worktree.repository, ({ user }) =>
      dropWorktree(repositoryOf(worktree), user, worktree),
    )
  }

  /** Runs git as the agents' user, outside of their sandbox, because the sandbox contains only the agent's folder. */
  #inRepository<T>(cwd: string, run: (place: Place) => Promise<T>): Promise<T> {
    const rulesFor = (folders: string[]) => ({ ...this.#options.rulesFor(folders), sandbox: undefined })
    return inCommand(withPlaces({ spec: { cwd } }, rulesFor, ([place]) => run(place!)))
  }
}

function worktreeOf({ id, record: { worktree } }: Agent): WorktreeRecord {
  if (worktree) return worktree
  throw new CommandFailure('invalid_command', `${id} has no working tree.`, {
    remedy: 'Start an agent with `worktree` (--worktree).',
  })
}

function ownRepository({ named, folder }: Place) {
  const repository = findRepository(folder.real)
  if (repository !== undefined && repository !== 'elsewhere') return repository
  throw new WorkspaceFailure(
    'not_a_repository',
    `The folder ${named} is not in its own git repository, so the agent cannot get a working tree.`,
    'Start the agent without a working tree, or in a repository.',
  )
}
