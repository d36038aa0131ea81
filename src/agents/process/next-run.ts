import type { Agent } from '../agent.ts'
import type { RunRecord, SpecRecord } from '../disk/records.ts'
import { uuidFrom } from '../events/ids.ts'
import type { Sessions } from '../runtimes/program.ts'
import { ownUser } from './foreign-run.ts'
import { initializeId } from './launch.ts'
import { earlierMarks } from './marks.ts'
import { firstSession } from './sessions.ts'

/** Returns the first run of a new agent. */
export function firstRun(record: SpecRecord, program: string, runtime: Sessions): RunRecord {
  const { agent_id, command_id, created_at, spec } = record
  const session = firstSession(record, runtime)
  return {
    version: 1,
    run: 1,
    command_id,
    program,
    ...ownUser(),
    launched_at: created_at,
    initialize_id: initializeId(agent_id, command_id, 1),
    ...(session && { session }),
    restarts: [],
    ...(spec.prompt !== undefined && { prompt_id: uuidFrom('prompt', agent_id, command_id) }),
  }
}

export interface NextRun {
  /** Id of the command that starts the run; undefined if the daemon itself starts it. */
  commandId: string | undefined
  program: string
  /** Undefined for a new session whose id the runtime chooses. */
  session: RunRecord['session']
  /** Time of the start (ISO 8601). */
  at: string
  /** Number of bytes that earlier runs have written to stderr. */
  stderrFrom: number
  /** True if this machine continues a turn after the daemon itself has interrupted it. */
  resumeTurns: boolean
}

/** Returns the run that follows an agent's last run. */
export function nextRun(
  { id, run, record, snapshot }: Agent,
  { commandId, program, session, at, stderrFrom, resumeTurns }: NextRun,
): RunRecord {
  const number = run.run + 1
  const { restart } = record.spec
  const byPolicy = commandId === undefined && !run.recall
  const goesOn = restart?.resume_turn === true || (run.recall !== undefined && resumeTurns)
  return {
    version: 1,
    run: number,
    program,
    ...ownUser(),
    launched_at: at,
    initialize_id: initializeId(id, commandId ?? at, number),
    ...(session && { session }),
    stderr_from: stderrFrom,
    ...earlierMarks(run),
    ...(run.agent_user !== undefined && { agent_user: run.agent_user }),
    restarts: byPolicy ? [...run.restarts.slice(-(restart?.max_per_hour ?? 0)), at] : run.restarts,
    ...(commandId !== undefined && { command_id: commandId }),
    ...(goesOn && { resume_turn: true }),
    ...(commandId === undefined && !goesOn && interrupted(snapshot)),
  }
}

const REASONS: Partial<Record<string, string>> = {
  rebooted: 'the machine went down',
  killed: 'its process was killed',
  lost: 'its process was lost',
}

/**
 * Returns why the last turn was interrupted. If the last run had no turn, returns the reason that an earlier
 * run left.
 */
function interrupted({ interrupted, turn_interrupted, exit }: Agent['snapshot']) {
  const why = interrupted ? reason(exit) : turn_interrupted
  return why !== undefined && { turn_interrupted: why }
}

const reason = (exit: Agent['snapshot']['exit']) =>
  `Its turn was interrupted: ${exit?.detail ?? `${REASONS[exit?.reason ?? ''] ?? 'its process ended'}.`}`
