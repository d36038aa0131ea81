import type { AgentStatus } from '../../protocol/index.ts'

/**
 * Returns the facts about an agent's life, without anything that people or the agent have written: no title, folder,
 * prompts, requests, tasks, and output.
 */
export function agentFacts(agent: AgentStatus) {
  const { agent_id, state, since, runtime, runtime_version, run, permission_mode, exit, failure } = agent
  const { pending, pending_omitted = 0, undelivered_prompts, turn_failed, limited, queued, slow } = agent
  const {
    problems = [],
    background_tasks = [],
    restart_held_until,
    begin,
    acked,
    end,
    total_cost_usd,
  } = agent
  return {
    agent_id,
    state,
    since,
    runtime,
    runtime_version,
    run,
    permission_mode,
    exit: exit && { reason: exit.reason, code: exit.code, signal: exit.signal },
    failure: failure && { code: failure.code, path: failure.path },
    pending: counted([...pending.map(({ ask }) => ask), ...Array<string>(pending_omitted).fill('omitted')]),
    undelivered_prompts,
    turn_failed: turn_failed?.outcome,
    limited,
    queued: queued && { since: queued.since, place: queued.place },
    slow: slow?.since,
    problems: counted(problems.map(({ kind, status }) => `${kind} ${status}`)),
    background_tasks: background_tasks.length,
    restart_held_until,
    total_cost_usd,
    begin,
    acked,
    end,
  }
}

function counted(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1
  return counts
}
