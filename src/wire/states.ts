/**
 * State of a connection between a daemon and a server, for both ends. A daemon begins in `idle`, and dials
 * again when the connection is lost. A server begins in `greeting`, when it has accepted a connection.
 * - `idle`: the connection was not started
 * - `dialing`: the daemon is opening the connection, or waits to try again
 * - `greeting`: the ends are connected; the server has not received the daemon's hello yet
 * - `welcoming`: the server has the hello and prepares its welcome. Until the welcome arrives, the daemon is
 * still in `greeting`
 * - `live`: the welcome was sent, so activity, statuses and commands can be exchanged
 * - `closed`: the connection was stopped, was lost (on a server), or was replaced by another daemon's
 * connection
 */
export type ConnectionState = 'idle' | 'dialing' | 'greeting' | 'welcoming' | 'live' | 'closed'
export type ConnectionStimulus = 'start' | 'opened' | 'greeted' | 'welcomed' | 'lost' | 'close'

/**
 * The next state for each state and stimulus. A stimulus that is not listed for a state does not change the
 * state.
 */
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
