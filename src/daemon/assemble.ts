import { withoutSecrets } from '../agents/state/without-secrets.ts'
import { type AgentParts, agentParts } from './agent-parts.ts'
import { type CommandParts, commandParts } from './command-parts.ts'
import type { DaemonOptions } from './daemon-options.ts'
import { machineParts } from './machine-parts.ts'
import { warnOfReplacement } from './warn-of-copy.ts'

export type Parts = ReturnType<typeof assemble>

/** Creates the parts of a daemon and connects them. Each part is created from earlier parts. */
export function assemble(options: DaemonOptions) {
  const base = machineParts(options)
  const withAgents = { ...base, ...agentParts(options, base) }
  const parts = { ...withAgents, ...commandParts(options, withAgents) }
  connect(options, parts)
  return parts
}

/** Connects parts of the daemon that do not import each other. */
function connect({ paths, logger }: DaemonOptions, parts: AgentParts & CommandParts) {
  const { link, health, signatures, policy, modes, idle, limits, turns, statuses } = parts
  const { outbox, agents, budgets, peaks, feed, offsets, redaction, traces, updates } = parts

  link.events.on('drained', () => statuses.flush())
  link.events.on('drained', () => outbox.onDrained())
  link.events.on('down', () => offsets.onDisconnected())
  link.events.on('refused', (refusal) => updates.onRefused(signatures.heeded(refusal)))
  link.events.on('superseded', (message) => warnOfReplacement(message, paths, health))

  health.events.on('change', () => statuses.onMachine(() => health.status()))
  health.events.on('awake', () => link.nudge())
  health.events.on('check', () => policy.refresh())
  policy.onChange(() => modes.checkAll())
  policy.onChange(() => void health.probe())
  health.events.on('check', () => peaks.observe(agents))
  health.events.on('check', () => idle.check())
  health.events.on('check', () => turns.check())
  health.events.on('check', () => limits.check())

  agents.events.on('change', (agent) => statuses.onAgent(agent))
  agents.events.on('change', (agent) => modes.check(agent))
  agents.events.on('change', (agent) => budgets.onChange(agent))
  agents.events.on('change', (agent) => turns.onChange(agent))
  agents.events.on('event', (event, { runtime }) => health.observe(withoutSecrets(event, redaction), runtime))
  agents.events.on('event', (event, agent) => turns.onEvent(event, agent))
  agents.events.on('growth', (agent) => feed.onGrowth(agent))
  agents.events.on('removed', (agent) => offsets.onRemoved(agent))
  agents.events.on('removed', ({ id }) => statuses.drop(id))
  if (traces) agents.events.on('event', (event, agent) => traces.onEvent(event, agent))
  if (traces) agents.events.on('change', (agent) => traces.onChange(agent))
  agents.events.on('crashLoops', (looping) => health.crashLoops(looping))
  agents.events.on('damaged', (path) => logger.error({ path }, 'a damaged file was renamed'))
  agents.events.on('damaged', (path) => health.damaged(path))
}
