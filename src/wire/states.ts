/**
 * State of a connection between a daemon and a server, as either end sees it. A daemon starts `idle`, and dials
 * again when the connection is lost. A server starts with an accepted connection, in `greeting`.
 *
 * idle       not started
 * dialing    opening the connection, or waiting to try again
 * greeting   connected; the daemon's hello is on its way
 * welcoming  the server has the hello and prepares its welcome; the daemon cannot tell this from `greeting`
 * live       welcomed: activity, statuses and commands flow
 * closed     permanently closed: stopped, lost, or superseded by another daemon with this machine's identity
 */
export type ConnectionState = 'idle' | 'dialing' | 'greeting' | 'welcoming' | 'live' | 'closed'
export type ConnectionStimulus = 'start' | 'opened' | 'greeted' | 'welcomed' | 'lost' | 'close'

/** A stimulus that is not listed for a state does not change it. */
const next: Record<ConnectionState, Partial<Record<ConnectionStimulus, ConnectionState>>> = {
  idle: { start: 'dialing', close: 'closed' },
  dialing: { opened: 'greeting', close: 'closed' },
  greeting: { greeted: 'welcoming', welcomed: 'live', lost: 'dialing', close: 'closed' },
  welcoming: { welcomed: 'live', lost: 'dialing', close: 'closed' },
  live: { lost: 'dialing', close: 'closed' },
  closed: {},
}

export const step = (state: ConnectionState, stimulus: ConnectionStimulus): ConnectionState =>
  next[state][stimulus] ?? state

/** Reports whether messages other than the greeting may be sent. */
export const isUp = (state: ConnectionState) => state === 'live'
