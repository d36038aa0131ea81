import type { AgentState } from '../../protocol/index.ts'

/**
 * Stimuli that change an agent's state. The states are:
 * - `starting`: its process is being launched, or is not ready yet
 * - `idle`: it waits for a prompt
 * - `working`: it is in a turn
 * - `waiting`: it is in a turn, which continues when a person has answered its request
 * - `stopping`: it was asked to end, but is still running
 * - `exited`: its process has ended; the agent may be resumed
 * - `failed`: its process ended before it was ready, or could not be launched
 */
export type Stimulus = 'launch' | 'ready' | 'running' | 'waiting' | 'idle' | 'stop' | 'ended'

/**
 * The next state for every state and stimulus. Most combinations can occur. For example, a journal can
 * contain lines of a turn after a stop was requested, and an agent can end by itself while it is being
 * stopped. A combination that cannot occur leaves the state unchanged.
 */
const next: Record<AgentState, Record<Stimulus, AgentState>> = {
  starting: {
    launch: 'starting',
    ready: 'idle',
    running: 'working',
    waiting: 'waiting',
    idle: 'idle',
    stop: 'stopping',
    ended: 'failed',
  },
  idle: {
    launch: 'starting',
    ready: 'idle',
    running: 'working',
    waiting: 'waiting',
    idle: 'idle',
    stop: 'stopping',
    ended: 'exited',
  },
  working: {
    launch: 'starting',
    ready: 'working',
    running: 'working',
    waiting: 'waiting',
    idle: 'idle',
    stop: 'stopping',
    ended: 'exited',
  },
  waiting: {
    launch: 'starting',
    ready: 'waiting',
    running: 'working',
    waiting: 'waiting',
    idle: 'idle',
    stop: 'stopping',
    ended: 'exited',
  },
  stopping: {
    launch: 'stopping',
    ready: 'stopping',
    running: 'stopping',
    waiting: 'stopping',
    idle: 'stopping',
    stop: 'stopping',
    ended: 'exited',
  },
  exited: {
    launch: 'starting',
    ready: 'exited',
    running: 'exited',
    waiting: 'exited',
    idle: 'exited',
    stop: 'exited',
    ended: 'exited',
  },
  failed: {
    launch: 'starting',
    ready: 'failed',
    running: 'failed',
    waiting: 'failed',
    idle: 'failed',
    stop: 'failed',
    ended: 'failed',
  },
}

export const step = (state: AgentState, stimulus: Stimulus): AgentState => next[state][stimulus]

export const hasEnded = (state: AgentState) => state === 'exited' || state === 'failed'

/** Reports whether the agent is in a turn, including a turn that waits for an answer. */
export const isInTurn = (state: AgentState) => state === 'working' || state === 'waiting'
