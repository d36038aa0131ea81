import type { AgentState } from '../protocol/index.ts'

/**
 * starting  its process is being launched, or has not said yet that it is ready
 * idle      waits for a prompt
 * working   in a turn
 * waiting   in a turn that goes on when somebody answers it
 * stopping  was told to end and has not ended yet
 * exited    its process has ended; it may be resumed
 * failed    its process ended before it was ready, or could not be launched
 */
export type Stimulus = 'launch' | 'ready' | 'running' | 'waiting' | 'idle' | 'stop' | 'ended'

/**
 * Every state × stimulus. A journal can hold lines of a turn behind the stop that was asked for, and a stop can cross
 * the agent's own end, so most of these are reachable; those that are not leave the state as it is.
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

/** Whether the agent is in a turn, be it one that waits for an answer. */
export const isInTurn = (state: AgentState) => state === 'working' || state === 'waiting'
