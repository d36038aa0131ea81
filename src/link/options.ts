import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import type {
  Command,
  FromDaemon,
  FromServer,
  Hello,
  ProtocolError,
  Refuse,
  Welcome,
} from '../protocol/index.ts'
import type { Way } from './socket.ts'

export interface ServerConnectionOptions {
  url: string
  key: string
  /** PEM of a private certificate authority. */
  caFile?: string
  userAgent: string
  clock: Clock
  random?: () => number
  logger: Logger
  /** Prepares the connection to the url. Called for each attempt. */
  way?: () => Promise<Way>
  /** Resolves when the daemon may send its hello. Called as soon as the connection is open. */
  untilReady?(): Promise<void>
}

/** Speaks with the server over its connection. */
export interface LinkHandlers {
  hello(): Hello
  /** Returns a message, other than the hello, in the form in which it may leave the machine. */
  outgoing?(message: FromDaemon): FromDaemon
  /** Handles the welcome. @returns its errors, like `onMessage` */
  onWelcome(welcome: Welcome): ProtocolError[]
  onMessage(message: Exclude<FromServer, Welcome | Refuse> | Command): ProtocolError[]
}

export interface LinkEvents {
  /** Called when the connection is no longer busy. */
  drained: []
  down: []
  refused: [refusal: Refuse]
  /** Called when another daemon has replaced this one. The connection is closed permanently. */
  superseded: [message: string]
}
