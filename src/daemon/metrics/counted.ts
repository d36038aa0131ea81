import { runtimes } from '../../agents/runtimes/index.ts'
import { DOWN_REASONS } from '../../link/options.ts'
import { Counter, Histogram } from '../../metrics/families.ts'
import { CommandErrorCode, Commands } from '../../protocol/index.ts'

/** Codes with which a start or another command fails. */
export const FAILURES: readonly string[] = CommandErrorCode.options

const RUNTIMES = Object.keys(runtimes)
const OUTCOMES = [
  'success',
  'interrupted',
  'usage_limit',
  'error',
  'error_during_execution',
  'error_max_turns',
  'error_max_budget_usd',
]
/** Upper bounds of durations, in seconds: a turn takes seconds to hours, and so does a person's answer. */
const DURATIONS_S = [1, 5, 15, 60, 300, 900, 3600, 14_400, 86_400]

export type Counted = ReturnType<typeof counted>

/** Returns the counters of a daemon. */
export const counted = () => ({
  connects: new Counter('fomular_link_connects', 'Connections that the server accepted.', {}),
  disconnects: new Counter('fomular_link_disconnects', 'Connections that ended, by reason.', {
    reason: DOWN_REASONS,
  }),
  starts: new Counter('fomular_agent_starts', 'Runs of agents that became ready or failed to start.', {
    runtime: RUNTIMES,
    result: ['ready', ...FAILURES],
  }),
  exits: new Counter('fomular_agent_exits', 'Runs of agents that ended, by reason.', {
    runtime: RUNTIMES,
    reason: EXIT_REASONS,
  }),
  turns: new Counter('fomular_turns', 'Turns that ended, by outcome.', {
    runtime: RUNTIMES,
    outcome: OUTCOMES,
  }),
  turnDuration: new Histogram('fomular_turn_duration_seconds', 'Durations of turns.', DURATIONS_S),
  cost: new Counter('fomular_cost_usd', 'Cost of all agents, as their runtimes report it.', {}),
  tokens: new Counter('fomular_tokens', 'Tokens of finished turns, by type.', {
    runtime: RUNTIMES,
    type: ['input', 'output', 'cache_read', 'cache_creation'],
  }),
  permissionRequests: new Counter('fomular_permission_requests', 'Requests to people.', {
    runtime: RUNTIMES,
  }),
  permissionWait: new Histogram(
    'fomular_permission_wait_seconds',
    'Times from a request to its answer or withdrawal.',
    DURATIONS_S,
  ),
  commands: new Counter('fomular_commands', 'Commands that were carried out or refused.', {
    command: Object.keys(Commands),
    result: ['ok', ...FAILURES],
  }),
})

/** Reasons for the end of a run. */
const EXIT_REASONS = ['stopped', 'finished', 'crashed', 'killed', 'lost', 'rebooted', 'lease']
