/**
 * State of a connection between a daemon and a server, as either end sees it. A daemon starts `idle`, and dials
 * again when the connection is lost. A server starts with an accepted connection, in `greeting`.
 *
 * idle       not started
 * dialing    opening the connection, or waiting to try again
 * greeting   connected; the daemon's hello is on its way
 * welcoming  the server has the hello and prepares its welcome; the daemon cannot tell this from `greeting`
 * live       welcomed: activity, statuses and commands flow
 * draining   like live, but stopping: existing activity is still sent and acknowledged
 * closed     permanently closed: stopped, lost, or superseded by another daemon with this machine's identity
 */
export type ConnectionState = 'idle' | 'dialing' | 'greeting' | 'welcoming' | 'live' | 'draining' | 'closed'
export type ConnectionStimulus = 'start' | 'opened' | 'greeted' | 'welcomed' | 'lost' | 'drain' | 'close'

/** A stimulus that is not listed for a state does not change it. */
const next: Record<ConnectionState, Partial<Record<ConnectionStimulus, ConnectionState>>> = {
  idle: { start: 'dialing', drain: 'closed', close: 'closed' },
  dialing: { opened: 'greeting', drain: 'closed', close: 'closed' },
  greeting: { greeted: 'welcoming', welcomed: 'live', lost: 'dialing', drain: 'closed', close: 'closed' },
  welcoming: { welcomed: 'live', lost: 'dialing', drain: 'closed', close: 'closed' },
  live: { lost: 'dialing', drain: 'draining', close: 'closed' },
  draining: { lost: 'closed', close: 'closed' },
  closed: {},
}

export const step = (state: ConnectionState, stimulus: ConnectionStimulus): ConnectionState =>
  next[state][stimulus] ?? state

/** Reports whether messages other than the greeting may be sent. */
export const isUp = (state: ConnectionState) => state === 'live' || state === 'draining'
