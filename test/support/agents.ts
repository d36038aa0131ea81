import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Agent } from '../../src/agents/agent.ts'
import { AgentPool } from '../../src/agents/agent-pool.ts'
import type { AgentPoolOptions } from '../../src/agents/agent-pool-options.ts'
import { launcherLine } from '../../src/agents/events/decode.ts'
import { claude } from '../../src/agents/runtimes/claude/index.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { createLogger } from '../../src/platform/log.ts'
import type { Event } from '../../src/protocol/index.ts'

interface Listeners {
  onChange(agent: Agent): void
  onEvent(event: Event): void
  onGrowth(agent: Agent): void
  onDamaged(path: string): void
}

/** Returns the agents in folder `dir`, as a daemon without a link would see them. */
export function agentsIn(dir: string, options: Partial<AgentPoolOptions & Listeners> = {}) {
  const { onChange, onEvent, onGrowth = (agent) => void agent.catchUp(), onDamaged, ...rest } = options
  const agents = new AgentPool({
    dir,
    runtimes: { claude },
    permit: (spec) => ({
      spec,
      inherits: () => true,
      startup: { isTrusted: () => true, others: 'ask' },
    }),
    trust: { ask: () => undefined, cancel: () => false, close: () => {}, mayUse: () => true },
    room: { waitOf: () => undefined },
    program: async () => '/bin/true',
    environment: {},
    umask: '22',
    maxAgents: 1000,
    resumeTurns: false,
    clock: systemClock,
    logger: createLogger({ level: 'silent', stderr: 'none' }),
    nextRevision: () => 1,
    redactor: { blank: undefined, redactPart: (part) => part, learn: () => {} },
    ...rest,
  })
  agents.events.on('growth', onGrowth)
  if (onChange) agents.events.on('change', onChange)
  if (onEvent) agents.events.on('event', onEvent)
  if (onDamaged) agents.events.on('damaged', onDamaged)
  return agents
}

const TIME = '2026-01-01T00:00:00.000Z'

/**
 * Makes the folder of an agent that an earlier daemon launched for its first run. The caller writes the
 * journal.
 * @param run fields of `run.json`
 * @param journal name of the journal's first generation
 */
export function leftAgent(dir: string, agent_id: string, run: object = {}, journal?: string) {
  const at = (name: string) => join(dir, agent_id, name)
  const note = (what: object) =>
    appendFileSync(at('activity.jsonl'), launcherLine({ run: 1, time: TIME, ...what } as never))
  for (const folder of ['', 'in', 'fed', 'run.1']) mkdirSync(at(folder), { recursive: true })
  const spec = { version: 1, agent_id, command_id: 'c-1', created_at: TIME, journal, spec: { cwd: dir } }
  const first = { version: 1, run: 1, program: '/bin/true', launched_at: TIME, initialize_id: 'i' }
  writeFileSync(at('spec.json'), JSON.stringify(spec))
  writeFileSync(at('run.json'), JSON.stringify({ ...first, ...run }))
  return {
    at,
    started: () => note({ subtype: 'started' }),
    exited: (code = 0) => note({ subtype: 'exited', code }),
  }
}
