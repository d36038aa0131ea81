import { existsSync } from 'node:fs'
import { type Clock, isoTime } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import type { CommandOf } from '../protocol/index.ts'
import type { Agent } from './agent.ts'
import type { AgentRecords } from './agent-context.ts'
import type { AgentList } from './agent-list.ts'
import { checkAgentLimit, checkCwd, checkKept, runningBeside, runtimeOf } from './checks.ts'
import { CommandFailure } from './command-failure.ts'
import { makeFolder } from './disk/folder.ts'
import { newName } from './disk/generations.ts'
import type { SpecRecord, WorktreeRecord } from './disk/records.ts'
import type { Permit } from './permit.ts'
import { checkFolderAs } from './process/agent-user.ts'
import type { LaunchQueue } from './process/launch-queue.ts'
import { firstRun } from './process/next-run.ts'
import type { RuntimeAdapter } from './runtimes/runtime.ts'
import { checkOnLimit, checkSettings } from './runtimes/settings.ts'
import type { SessionGuard } from './session-guard.ts'

export interface StartsOptions {
  /** Folder that contains the agents' folders. */
  dir: string
  agents: AgentList
  runtimes: Record<string, RuntimeAdapter>
  /** Resolves to the path of a runtime's program. @throws CommandFailure if the program is unusable */
  program(runtime: string): Promise<string>
  permit: Permit
  maxAgents: number
  clock: Clock
  logger: Logger
  sessions: SessionGuard
  launches: LaunchQueue
  /** Puts a new agent into the list. */
  open(records: AgentRecords): Agent
  remove(agent: Agent): Promise<void>
  /** Deletes an agent's folder. */
  discard(dir: string): Promise<void>
}

interface NewAgent {
  runtime: RuntimeAdapter
  /** Path of the runtime's program. */
  program: string
  worktree: WorktreeRecord | undefined
}

/** Creates and launches new agents. */
export class Starts {
  readonly #options: StartsOptions

  constructor(options: StartsOptions) {
    this.#options = options
  }

  /**
   * Creates an agent and launches it, or queues it for launch. If the agent is queued, its state later
   * shows whether the launch succeeded. A repeated command returns the agent that the first command created.
   * @param worktree working tree that contains the agent's folder
   * @throws CommandFailure
   */
  async start(command: CommandOf<'agent:start'>, worktree?: WorktreeRecord): Promise<Agent> {
    const { agent_id, command_id, spec } = command
    const { agents, runtimes, program, permit, maxAgents, sessions } = this.#options
    const known = agents.find(agent_id)
    if (known?.record.command_id === command_id) return known
    if (known)
      throw new CommandFailure('agent_exists', `This machine already has an agent ${agent_id}.`, {
        path: 'agent_id',
      })
    const runtime = runtimeOf(runtimes, spec.runtime)
    checkSettings(spec, runtime)
    checkOnLimit(spec.on_limit, 'spec.on_limit')
    const path = await program(spec.runtime)
    const { user } = permit(spec, path, { running: runningBeside(agents), isOrdered: true })
    checkCwd(spec.cwd)
    // Startup files in a folder that the user may not enter would otherwise be shown to a person first.
    if (user) await checkFolderAs(user, spec.cwd)
    checkKept(agents.size)
    checkAgentLimit(agents, maxAgents)
    // The following code has no `await` until the agent is in the list, so a second start in the same session
    // finds the agent.
    if (spec.session && !spec.session.fork) {
      sessions.check(spec.session.resume)
      sessions.checkElsewhere(runtime, spec.session.resume, spec, user)
    }
    const launched = this.#create(command, { runtime, program: path, worktree })
    // Return a queued agent at once, so that it can be stopped while it waits.
    if (agents.find(agent_id)?.launching.queued === undefined) await launched
    else launched.catch(() => {})
    return agents.get(agent_id)
  }

  /**
   * Resolves when the new agent is launched. If the launch fails, deletes the agent, since the command's
   * result reports the failure.
   */
  async #create(
    { agent_id, command_id, spec }: CommandOf<'agent:start'>,
    { runtime, program, worktree }: NewAgent,
  ) {
    const { dir, clock, launches, open, discard } = this.#options
    const created_at = isoTime(clock.now())
    const about = { agent_id, command_id, created_at, journal: newName(), spec }
    const record: SpecRecord = { version: 1, ...about, ...(worktree && { worktree }) }
    const run = firstRun(record, program, runtime)
    const folder = makeFolder(dir, record, run, (made) => void discard(made))
    try {
      await launches.add(open({ folder, record, run, runtime }))
    } catch (error) {
      // Delete the agent, or the next daemon would launch it.
      if (!existsSync(folder.claim(run.run))) await this.#withdraw(folder.dir, agent_id)
      throw error
    }
  }

  async #withdraw(dir: string, agentId: string) {
    const { agents, logger, remove, discard } = this.#options
    const agent = agents.find(agentId)
    try {
      await (agent ? remove(agent) : discard(dir))
    } catch (error) {
      logger.error({ agent_id: agentId, err: error }, 'cannot remove the failed agent')
    }
  }
}
