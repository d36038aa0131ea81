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
  /** Path of a PEM file with a private certificate authority. */
  caFile?: string
  userAgent: string
  clock: Clock
  random?: () => number
  logger: Logger
  /** Determines the route to the server. Called for each attempt. */
  way?: () => Promise<Way>
  /** Resolves when the daemon may send its hello. Called as soon as the connection is open. */
  untilReady?(): Promise<void>
}

/** Creates the messages to the server, and handles the messages from the server. */
export interface LinkHandlers {
  hello(): Hello
  /** Returns a message without secrets, before it is sent. Not called for the hello. */
  outgoing?(message: FromDaemon): FromDaemon
  /** Handles the welcome. @returns errors to report to the server, like `onMessage` */
  onWelcome(welcome: Welcome): ProtocolError[]
  onMessage(message: Exclude<FromServer, Welcome | Refuse> | Command): ProtocolError[]
}

/** Reasons for the end of a connection. */
export const DOWN_REASONS = [
  'overdue',
  'faulty',
  'unread',
  'silent',
  'crashed',
  'closed',
  'refused',
  'superseded',
  'stopped',
] as const
export type DownReason = (typeof DOWN_REASONS)[number]

export interface LinkEvents {
  /** Called when the connection is no longer busy. */
  drained: []
  /** Called when the server has accepted the connection. */
  up: []
  down: [reason: DownReason]
  refused: [refusal: Refuse]
  /** Called when another daemon has replaced this daemon. The connection is then closed permanently. */
  superseded: [message: string]
}
