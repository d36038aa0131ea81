import { existsSync, readdirSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import * as z from 'zod/mini'
import type { Agent } from '../agents/agent.ts'
import type { AgentPool } from '../agents/agent-pool.ts'
import { CommandFailure } from '../agents/command-failure.ts'
import { WorktreeRecord } from '../agents/disk/records.ts'
import { ensurePrivateDir, readJson, writeAtomic } from '../platform/files.ts'
import type { Logger } from '../platform/log.ts'
import { orUndefined } from '../platform/or-undefined.ts'
import { realPath } from '../platform/real-path.ts'
import { CommandId, type CommandOf, type ResultOf } from '../protocol/index.ts'
import { isWithin } from '../protocol/policy-rules.ts'
import { discardWorktree } from '../workspace/discard.ts'
import { WorkspaceFailure } from '../workspace/failure.ts'
import { mergeWorktree, repositoryOf } from '../workspace/merge.ts'
import type { Place } from '../workspace/place.ts'
import { findRepository, type Repository } from '../workspace/repository.ts'
import { makeWorktree, type PlannedWorktree, releaseWorktree, undoWorktree } from '../workspace/worktree.ts'
import { type ReadingRules, withPlaces } from './agent-places.ts'
import { RepositoryTurns } from './repository-turns.ts'
import { inCommand } from './workspaces.ts'

/** `worktrees/AGENT.json`: a working tree whose agent does not exist yet. */
const Unfinished = z.object({
  version: z.literal(1),
  command_id: CommandId,
  worktree: z.extend(WorktreeRecord, { commit: z.string() }),
})

export interface WorktreesOptions {
  /** Folder for the records of unfinished starts. */
  dir: string
  /** Returns the rules for reading folders. @throws CommandFailure if the policy does not permit the folders */
  rulesFor(folders: string[]): ReadingRules
  agents: Pick<AgentPool, 'find' | 'withoutFolder'> & Iterable<Agent>
  logger: Logger
}

type Start = CommandOf<'agent:start'>

/** Makes working trees for agents, merges their branches, and removes them. */
export class Worktrees {
  readonly #options: WorktreesOptions
  readonly #turns = new RepositoryTurns()
  /** Ids of the agents that this daemon is starting in working trees. */
  readonly #starting = new Set<string>()

  constructor(options: WorktreesOptions) {
    this.#options = options
  }

  /** Removes the working trees that an earlier daemon made for agents that it did not start. */
  async cleanUp(): Promise<void> {
    const { dir, logger } = this.#options
    for (const name of orUndefined(() => readdirSync(dir)) ?? []) {
      const agent_id = basename(name, '.json')
      try {
        if (!this.#starting.has(agent_id)) await this.#settle(agent_id)
      } catch (err) {
        logger.warn({ agent_id, err }, 'cannot remove the working tree of an interrupted start; will retry')
      }
    }
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
    const { logger } = this.#options
    const { agent_id } = command
    this.#starting.add(agent_id)
    try {
      const { cwd, worktree } = await this.#make(command)
      return await start({ ...command, spec: { ...command.spec, cwd } }, worktree)
    } finally {
      await this.#settle(agent_id).catch((err) =>
        logger.error({ agent_id, err }, 'cannot finish the start in a working tree'),
      )
      this.#starting.delete(agent_id)
    }
  }

  /** Merges an agent's branch. @throws CommandFailure */
  merge(agent: Agent): Promise<ResultOf<'agent:merge'>> {
    const worktree = worktreeOf(agent)
    return this.#inTurn(worktree, ({ user }) => mergeWorktree(user, worktree))
  }

  /**
   * Removes an agent's working tree and its branch.
   * @param force true to remove changes that are not committed or not merged, and ignored files
   * @throws CommandFailure
   */
  discard(agent: Agent, force: boolean): Promise<void> {
    const worktree = worktreeOf(agent)
    return this.#options.agents.withoutFolder(agent, () =>
      this.#inTurn(worktree, ({ user }) => {
        this.#checkUnused(worktree)
        return discardWorktree(user, worktree, force)
      }),
    )
  }

  /** Refuses to remove a working tree in which an agent works. @throws CommandFailure */
  #checkUnused({ path }: WorktreeRecord) {
    for (const { id, hasEnded, record } of this.#options.agents) {
      const { cwd, add_dirs = [] } = record.spec
      if (hasEnded || ![cwd, ...add_dirs].some((dir) => isWithin(realPath(dir), realPath(path)))) continue
      throw new CommandFailure('agent_running', `${id} is running in the working tree.`, {
        remedy: 'Stop it first.',
      })
    }
  }

  async #make({ agent_id, command_id, spec }: Start): Promise<{ cwd: string; worktree: WorktreeRecord }> {
    const record = this.#recordOf(agent_id)
    ensurePrivateDir(this.#options.dir)
    // An earlier attempt was interrupted.
    await this.#settle(agent_id)
    return this.#inRepository(spec.cwd, async (place) => {
      const repository = ownRepository(place)
      const path = join(realPath(`${repository.top}-worktrees`), agent_id)
      // The working tree has all files of the repository, also those outside of the named folder. The agent's
      // commits are written to the repository's own folder, which may be elsewhere.
      this.#options.rulesFor([repository.top, realPath(path), repository.commonDir])
      const branch = spec.worktree?.branch ?? `agent/${agent_id}`
      const mayExist = spec.worktree?.branch !== undefined
      const onPlanned = (worktree: PlannedWorktree) =>
        writeAtomic(record, JSON.stringify({ version: 1, command_id, worktree }), { durable: true })
      const worktree = await this.#turns.take(repository.commonDir, () =>
        makeWorktree(repository, place.user, { path, branch, mayExist, onPlanned }),
      )
      return { cwd: join(path, place.prefixIn(repository)), worktree }
    })
  }

  /**
   * Completes the start of an agent in a working tree, or removes the working tree if there is no agent in it.
   * Then deletes the record.
   */
  async #settle(agentId: string) {
    const record = this.#recordOf(agentId)
    const read = readJson(record, Unfinished)
    const isStarted =
      read.ok && this.#options.agents.find(agentId)?.record.worktree?.path === read.value.worktree.path
    // First, so that no later daemon takes the working tree for unfinished, even if the agent is removed before.
    if (isStarted) rmSync(record, { force: true })
    if (read.ok) await this.#finish(read.value, isStarted ? releaseWorktree : undoWorktree)
    rmSync(record, { force: true })
  }

  async #finish({ worktree }: z.infer<typeof Unfinished>, finish: typeof undoWorktree) {
    // Without the repository, git knows no working tree.
    if (!existsSync(join(worktree.repository, '.git'))) return
    await this.#inTurn(worktree, ({ user }, repository) => finish(repository, user, worktree))
  }

  #recordOf(agentId: string) {
    return join(this.#options.dir, `${agentId}.json`)
  }

  /** Runs a function that changes working trees or branches of a repository. */
  #inTurn<T>(
    worktree: WorktreeRecord,
    run: (place: Place, repository: Repository) => Promise<T>,
  ): Promise<T> {
    return this.#inRepository(worktree.repository, async (place) => {
      const repository = repositoryOf(worktree)
      return this.#turns.take(repository.commonDir, () => run(place, repository))
    })
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
