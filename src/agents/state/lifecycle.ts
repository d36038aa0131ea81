import type { AgentState } from '../../protocol/index.ts'

/**
 * starting its process is being launched, or is not ready yet idle waiting for a prompt working in a turn
 * waiting in a turn that continues when its request is answered stopping asked to end, but still running
 * exited its process has ended; it may be resumed failed its process ended before it was ready, or could not
 * be launched
 */
export type Stimulus = 'launch' | 'ready' | 'running' | 'waiting' | 'idle' | 'stop' | 'ended'

/**
 * Transitions for every state and stimulus. Most combinations can occur, because a journal can contain lines
 * of a turn after a requested stop, and a stop can coincide with the agent's own end. All others do not
 * change the state.
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
