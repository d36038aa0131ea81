/**
 * idle      not started
 * dialing   opening the connection, or waiting to try again
 * greeting  connected; sent hello, waiting for the server's welcome
 * live      welcomed: activity, statuses and commands flow
 * draining  like live, but stopping: existing activity is still sent and acknowledged
 * closed    permanently closed: stopped, or superseded by another daemon with this machine's identity
 */
export type LinkState = 'idle' | 'dialing' | 'greeting' | 'live' | 'draining' | 'closed'
export type LinkStimulus = 'start' | 'opened' | 'welcomed' | 'lost' | 'drain' | 'close'

const next: Record<LinkState, Record<LinkStimulus, LinkState>> = {
  idle: {
    start: 'dialing',
    opened: 'idle',
    welcomed: 'idle',
    lost: 'idle',
    drain: 'closed',
    close: 'closed',
  },
  dialing: {
    start: 'dialing',
    opened: 'greeting',
    welcomed: 'dialing',
    lost: 'dialing',
    drain: 'closed',
    close: 'closed',
  },
  greeting: {
    start: 'greeting',
    opened: 'greeting',
    welcomed: 'live',
    lost: 'dialing',
    drain: 'closed',
    close: 'closed',
  },
  live: {
    start: 'live',
    opened: 'live',
    welcomed: 'live',
    lost: 'dialing',
    drain: 'draining',
    close: 'closed',
  },
  draining: {
    start: 'draining',
    opened: 'draining',
    welcomed: 'draining',
    lost: 'closed',
    drain: 'draining',
    close: 'closed',
  },
  closed: {
    start: 'closed',
    opened: 'closed',
    welcomed: 'closed',
    lost: 'closed',
    drain: 'closed',
    close: 'closed',
  },
}

export const step = (state: LinkState, stimulus: LinkStimulus): LinkState => next[state][stimulus]

export const isUp = (state: LinkState) => state === 'live' || state === 'draining'

/** State of a link for statuses and logs. */
export interface LinkInfo {
  state: LinkState
  since: string
  attempt: number
  last_error?: string
  /** Code of the server's refusal, if the last attempt was refused. */
  refused?: string
}
