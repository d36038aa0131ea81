import type { AgentPool } from '../agents/agent-pool.ts'
import type { LinkHandlers } from '../link/options.ts'
import type { Logger } from '../platform/log.ts'
import {
  type Command,
  type FromDaemon,
  type FromServer,
  type Hello,
  isCommand,
  type ProtocolError,
  type Refuse,
  type Welcome,
} from '../protocol/index.ts'
import type { Updates } from '../update/updates.ts'
import type { Admission } from './admission.ts'
import type { Dispatcher } from './dispatcher.ts'
import { greet } from './greeting.ts'
import type { Health } from './health.ts'
import type { Machine } from './machine.ts'
import type { Redaction } from './redaction.ts'
import type { ServerOffsets } from './server-offsets.ts'
import type { StatusSender } from './status-sender.ts'

export interface MessagesOptions {
  machine: Machine
  startedAt: string
  /** Labels that the machine reports about itself. */
  labels: Record<string, string> | undefined
  agents: AgentPool
  health: Health
  statuses: StatusSender
  offsets: ServerOffsets
  dispatcher: Dispatcher
  updates: Updates
  admission: Admission
  redaction: Redaction
  logger: Logger
}

/** Greets the server, and passes the server's messages to the parts that handle them. */
export class Messages implements LinkHandlers {
  readonly #options: MessagesOptions

  constructor(options: MessagesOptions) {
    this.#options = options
  }

  hello(): Hello {
    const { machine, startedAt, labels, agents, health, statuses, redaction } = this.#options
    statuses.told()
    const { hello, shortened } = greet({
      machine_id: machine.machine_id,
      started_at: startedAt,
      ...(labels && { labels }),
      machine: redaction.redactPart(health.status()),
      agents: [...agents].map((agent) => redaction.redactPart(agent.status())),
    })
    // Send the full statuses of these agents after the welcome.
    for (const agentId of shortened) agents.find(agentId)?.touch()
    return hello
  }

  outgoing(message: FromDaemon): FromDaemon {
    return this.#options.redaction.redact(message)
  }

  onWelcome(welcome: Welcome): ProtocolError[] {
    const { statuses, offsets, updates, admission } = this.#options
    statuses.flush()
    const errors = offsets.onWelcome(welcome)
    updates.onWelcomed()
    void admission.runtimesKnown()
    return errors
  }

  onMessage(message: Exclude<FromServer, Welcome | Refuse> | Command): ProtocolError[] {
    const { dispatcher, offsets, logger } = this.#options
    if (isCommand(message)) dispatcher.take(message)
    switch (message.type) {
      case 'agent:ack':
        return offsets.onAck(message)
      case 'agent:resend':
        return offsets.onResend(message)
      case 'protocol:error':
        logger.warn({ error: message }, 'the server rejected a frame')
        return []
    }
    return []
  }
}
