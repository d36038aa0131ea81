import { existsSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import type { Agent } from '../agents/agent.ts'
import type { AgentPool } from '../agents/agent-pool.ts'
import { CommandFailure } from '../agents/command-failure.ts'
import { promptId, uuidFrom } from '../agents/events/ids.ts'
import { checkOnLimit } from '../agents/runtimes/settings.ts'
import type { RepositoryTrust } from '../agents/trust/repository-trust.ts'
import type { Command, CommandErrorCode, CommandOf, CommandType, ResultOf } from '../protocol/index.ts'
import { UpdateFailure } from '../update/failure.ts'
import type { UpdateRequest } from '../update/options.ts'
import type { UpdateResult } from '../update/record.ts'
import type { Updates } from '../update/updates.ts'
import { answerRequest } from './answer-request.ts'
import { answerTrust } from './answer-trust.ts'
import { AnsweredLater } from './answered-later.ts'
import { confirm } from './confirm.ts'
import { deliverPrompt } from './deliver-prompt.ts'
import type { GateWait } from './gate.ts'
import { answersTo, decisionOn } from './read-answers.ts'
import { endWait } from './usage-limits.ts'
import { withdrawPrompt } from './withdraw-prompt.ts'
import type { Workspaces } from './workspaces.ts'
import type { Worktrees } from './worktrees.ts'

export interface CommandContext {
  agents: AgentPool
  trust: Pick<RepositoryTrust, 'answer'>
  workspaces: Pick<Workspaces, 'diff' | 'file' | 'noteStart'>
  worktrees: Pick<Worktrees, 'start' | 'merge' | 'discard'>
  /** @throws CommandFailure while no agent may be started */
  checkAccepts(): void
  /** @throws CommandFailure if the machine's policy refuses the command */
  checkPolicy(command: Command, wait?: GateWait): Promise<void>
  /** Returns a part of a message in the form in which the server has received it, without secrets. */
  redacted<T extends object>(part: T): T
  checkMachine(): Promise<void>
  restart(): ResultOf<'daemon:restart'>
  updates: Updates
}

/**
 * Carries out one command. The handlers of an agent's commands run in the order in which the commands
 * arrived. The promise in the result resolves when the agent has confirmed the command; other commands are
 * carried out in the meantime. If a handler runs again for the same command, it finishes the interrupted
 * work.
 */
type Handler<T extends CommandType> = (
  context: CommandContext,
  command: CommandOf<T>,
) => Promise<{ confirmed: Promise<ResultOf<T>> }>

const done = <R>(result: R) => ({ confirmed: Promise.resolve(result) })

const handlers: { [T in CommandType]: Handler<T> } = {
  async 'agent:start'(context, command) {
    const isNew = !context.agents.find(command.agent_id)
    if (isNew) context.checkAccepts()
    const { agents, worktrees } = context
    const agent = await (isNew && command.spec.worktree
      ? worktrees.start(command, (changed, worktree) => agents.start(changed, worktree))
      : agents.start(command))
    // Do not wait: an agent needs longer than this until it can change a file.
    if (isNew) void context.workspaces.noteStart(agent)
    return { confirmed: started(agents, agent) }
  },

  async 'agent:prompt'({ agents }, command) {
    return done({ prompt_id: await deliverPrompt(agents, command) })
  },

  async 'agent:interrupt'({ agents }, { agent_id, command_id, cancel_queued }) {
    const agent = agents.get(agent_id)
    const id = uuidFrom('interrupt', agent_id, command_id)
    if (endWait(agent) && agent.hasEnded) return done({ idle: true })
    const { conversation } = agent.snapshot
    // If the command is repeated, it is unknown whether the agent was idle when the command first arrived.
    const idle =
      !agent.inbox.hasAccepted(id) && agent.snapshot.state === 'idle' && agent.inbox.unsettledCount === 0
    return {
      confirmed: confirm(
        agent,
        agent.runtime.interrupt(id, { cancelQueued: cancel_queued }, conversation),
      ).then(() => (idle ? { idle } : {})),
    }
  },

  async 'agent:withdraw'({ agents }, command) {
    return { confirmed: withdrawPrompt(agents.get(command.agent_id), command).then(() => ({})) }
  },

  async 'agent:permission'(context, command) {
    const { agents, redacted } = context
    const agent = agents.get(command.agent_id)
    if (agent.launching.trust?.request_id === command.request_id) answerTrust(context, agent, command)
    else
      answerRequest(agent, command, (request) => {
        // A person saw the input with `[redacted]` instead of secrets. If the person confirms this input
        // unchanged, use the original input.
        const isAsShown = isDeepStrictEqual(command.input, redacted(request.input))
        const { input } = isAsShown ? request : command
        return decisionOn(agent.runtime, request, { ...command, ...(input && { input }) })
      })
    return done({})
  },

  async 'agent:answer'({ agents }, command) {
    answerRequest(agents.get(command.agent_id), command, (request) => answersTo(request, command))
    return done({})
  },

  async 'agent:configure'({ agents }, { agent_id, command_id, model, permission_mode, on_limit }) {
    const agent = agents.get(agent_id)
    if (model === undefined && permission_mode === undefined && on_limit === undefined)
      throw new CommandFailure('invalid_command', 'There is nothing to change.', {
        remedy: 'Set a model, a permission_mode, or an on_limit.',
      })
    checkOnLimit(on_limit, 'on_limit')
    const ordered = uuidFrom('on-limit', agent_id, command_id)
    if (on_limit !== undefined && !agent.inbox.hasAccepted(ordered)) {
      agent.limits.order(on_limit)
      agent.inbox.mark(ordered)
      agent.touch()
    }
    const { conversation } = agent.snapshot
    const asked: Promise<void>[] = []
    if (model !== undefined)
      asked.push(
        confirm(agent, agent.runtime.setModel(uuidFrom('model', agent_id, command_id), model, conversation)),
      )
    if (permission_mode !== undefined)
      asked.push(
        confirm(
          agent,
          agent.runtime.setPermissionMode(
            uuidFrom('mode', agent_id, command_id),
            permission_mode,
            conversation,
          ),
        ),
      )
    return {
      confirmed: Promise.all(asked).then(() => {
        agent.onConfigured({ model, permission_mode })
        return {}
      }),
    }
  },

  async 'agent:stop'({ agents }, { agent_id, command_id, grace_s }) {
    const agent = agents.get(agent_id)
    endWait(agent)
    const stopped = stopOnce(agents, agent, command_id, grace_s).then(() => {
      const { code, signal } = agent.snapshot.exit ?? {}
      return { ...(code !== undefined && { code }), ...(signal && { signal }) }
    })
    return { confirmed: stopped }
  },

  async 'agent:resume'({ agents }, { agent_id, command_id, session_id, prompt }) {
    const agent = agents.get(agent_id)
    await agents.resume(agent, command_id, session_id)
    const prompt_id = promptId(agent_id, command_id)
    if (prompt !== undefined)
      agent.inbox.put(agent.runtime.prompt(prompt_id, prompt, agent.snapshot.conversation))
    const { run } = agent.run
    return {
      confirmed: started(agents, agent).then(() => ({ run, ...(prompt !== undefined && { prompt_id }) })),
    }
  },

  async 'agent:remove'({ agents }, { agent_id, command_id, force }) {
    const agent = agents.find(agent_id)
    if (!agent) return done({})
    if (!agent.hasEnded) {
      if (!force)
        throw new CommandFailure('agent_running', `${agent_id} is running.`, {
          remedy: 'Stop it first, or remove it with `force` (--force).',
        })
      await agents.stop(agent, { commandId: command_id })
    }
    await agents.remove(agent)
    const { worktree } = agent.record
    if (!worktree || !existsSync(worktree.path)) return done({})
    const { path, branch, repository } = worktree
    return done({ worktree: { path, branch, repository } })
  },

  async 'agent:merge'({ agents, worktrees }, command) {
    return done(await worktrees.merge(agents.get(command.agent_id)))
  },

  async 'agent:discard'({ agents, worktrees }, { agent_id, force }) {
    await worktrees.discard(agents.get(agent_id), force)
    return done({})
  },

  async 'workspace:diff'({ agents, workspaces }, command) {
    return { confirmed: workspaces.diff(agents.get(command.agent_id), command) }
  },

  async 'workspace:file'({ agents, workspaces }, command) {
    return { confirmed: workspaces.file(agents.get(command.agent_id), command) }
  },

  async 'machine:check'(context) {
    return { confirmed: context.checkMachine().then(() => ({})) }
  },

  async 'daemon:restart'(context) {
    return done(context.restart())
  },

  async 'daemon:update'({ updates }, { command_id, version, allow_downgrade }) {
    return {
      confirmed: updated(updates, { command_id, requested: version, allow_downgrade, origin: 'server' }),
    }
  },
}

/** Starts a command. Resolves when the next command for the same agent may start. */
export async function carryOut(
  context: CommandContext,
  command: Command,
  wait?: GateWait,
): Promise<{ confirmed: Promise<object> }> {
  const handler = (handlers as Record<string, Handler<CommandType> | undefined>)[command.type]
  if (!handler) throw new CommandFailure('unsupported', `This daemon does not support ${command.type}.`)
  await context.checkPolicy(command, wait)
  return handler(context, command as never)
}

async function updated(updates: Updates, request: UpdateRequest): Promise<UpdateResult> {
  const result = await updates.run(request).catch((error) => {
    if (!(error instanceof UpdateFailure)) throw error
    const { code, message, ...rest } = error.error
    throw new CommandFailure(code as CommandErrorCode, message, rest)
  })
  if (result) return result
  throw new AnsweredLater()
}

/**
 * Stops an agent. If an earlier daemon began this stop and a later command has started another run, the stop
 * is not repeated, because it was not meant for the new run.
 */
async function stopOnce(agents: AgentPool, agent: Agent, commandId: string, graceS: number | undefined) {
  const { run, command_id } = agent.run
  const mark = (ofRun: number) => uuidFrom('stop', agent.id, commandId, ofRun)
  for (let earlier = 1; earlier < run && command_id !== undefined; earlier++)
    if (agent.inbox.hasAccepted(mark(earlier))) return
  agent.inbox.mark(mark(run))
  try {
    await agents.stop(agent, { commandId, graceS })
  } catch (error) {
    // If the agent was removed in the meantime, its files are gone, and this is the reason.
    agents.get(agent.id)
    throw error
  }
}

const OTHER_SESSION =
  'Start the agent as the user who ran that session, and in the folder of that session, or start it without the session.'

/** Waits until the agent is ready or has failed. @throws CommandFailure */
async function started(agents: AgentPool, agent: Agent): Promise<ResultOf<'agent:start'>> {
  const { run, initialize_id, session } = agent.run
  const refused = () => agent.reply(initialize_id)?.ok === false
  const settled = () => agent.isReady || agent.hasRunEnded || refused() || agent.run.run !== run
  if (!(await agent.until(settled))) throw new AnsweredLater()
  // Stop the agent, because it would keep running without ever accepting a prompt.
  if (refused()) {
    const message = agent.reply(initialize_id)?.error ?? 'The agent refused to start without giving a reason.'
    await agents.stop(agent, { commandId: `refused-${initialize_id}` })
    throw new CommandFailure('start_failed', message)
  }
  const { failure } = agent.snapshot
  if (failure) {
    const ofSession = session !== undefined && failure.message.includes(session.id)
    const remedy = failure.remedy ?? (ofSession ? OTHER_SESSION : undefined)
    const { path } = failure
    const rest = { ...(path !== undefined && { path }), ...(remedy !== undefined && { remedy }) }
    throw new CommandFailure(failure.code === 'policy' ? 'policy' : 'start_failed', failure.message, rest)
  }
  if (!agent.isReady && agent.run.run === run)
    throw new CommandFailure('start_failed', `${agent.id} was ended before it was ready.`, {
      remedy: 'To run the agent, resume it. Its prompts are kept.',
    })
  const pid = agent.process?.agent.pid
  return { ...(pid && { pid }), ...(agent.run.prompt_id && { prompt_id: agent.run.prompt_id }) }
}
