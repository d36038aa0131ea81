import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import type { HubLimits } from '../config/hub-limits.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import { Audit } from './audit/audit.ts'
import type { Gate } from './gate/gate.ts'
import { Notices } from './gate/notices.ts'
import { Trails } from './http/audit-trails.ts'
import { OpenRequests } from './http/open-requests.ts'
import { ActivityIntake } from './machines/activity-intake.ts'
import { MachineConnection, type MachineKey } from './machines/machine-connection.ts'
import { Presence } from './machines/presence.ts'
import { Switchboard } from './machines/switchboard.ts'
import { HubCounts } from './metrics/hub-counts.ts'
import { Notifier } from './push/notifier.ts'
import { PushServices } from './push/push-services.ts'
import { AgentRegistry } from './registry/agent-registry.ts'
import { ChangeFeed } from './registry/change-feed.ts'
import { ChangeLog } from './registry/change-log.ts'
import { CommandQueue } from './registry/command-queue.ts'
import { Enrollments } from './registry/enrollments.ts'
import { Keys } from './registry/keys.ts'
import { MachineRegistry } from './registry/machine-registry.ts'
import { Quotas } from './registry/quotas.ts'
import { Readings } from './registry/readings.ts'
import { Sessions } from './registry/sessions.ts'
import { SignInTokens } from './registry/sign-in-tokens.ts'
import { Subscriptions } from './registry/subscriptions.ts'
import { UserKeys } from './registry/user-keys.ts'
import { BlockedVersions } from './rollouts/blocked-versions.ts'
import { Rollouts } from './rollouts/rollouts.ts'
import type { Store } from './store/store.ts'
import { AgentStreams } from './streams/agent-streams.ts'

/**
 * Maximum number of times that one log line about a machine is repeated per minute. A machine can reconnect
 * and fail without limit.
 */
const SAME_OF_MACHINE = 10

export interface AssembleOptions {
  store: Store
  gate: Gate
  limits: HubLimits
  /** Permits push services on this machine. */
  pushLoopback: boolean
  clock: Clock
  logger: Logger
}

export type Parts = ReturnType<typeof build>

/** Builds the parts of the hub, connects them, and loads the records from the store. @throws UserError */
export async function assemble(options: AssembleOptions): Promise<Parts> {
  const parts = build(options)
  connect(parts)
  await load(parts)
  return parts
}

/** Builds each part from the parts that were built before it. */
function build({ store, gate, limits, pushLoopback, clock, logger }: AssembleOptions) {
  const { journals } = store
  const notices = new Notices({ clock, logger, lines: Infinity, same: SAME_OF_MACHINE })
  // Rate-limited logger for lines about single machines.
  const ofMachines = notices.asLogger()
  const feed = new ChangeFeed()
  // Subscribes first, so that the log contains a change when the streams learn about it.
  const changes = new ChangeLog(feed)

  const lists = store.keys
  const keys = new Keys({ lists, clock, logger: ofMachines })
  const people = new UserKeys({ lists, clock, logger })
  const sessions = new Sessions({ store: store.sessions, people, clock, logger })
  const signIns = new SignInTokens({ sessions, clock })
  const subscriptions = new Subscriptions({ store: store.push, sessions, people, clock })
  const machines = new MachineRegistry({ store: store.machines, keys, feed, clock })
  const enrollments = new Enrollments({ store: store.enrollments, keys, people, machines, clock, logger })
  const blocked = new BlockedVersions(store.blocked, clock)
  const shared = { machines, people, blocked, clock, logger }
  const commands = new CommandQueue({ ...shared, store: store.commands, memory: limits.memory })
  const readings = new Readings({ machines, clock })
  const most = limits.machine.agents
  const agents = new AgentRegistry({ store, feed, machines, commands, most, logger: ofMachines })
  const quotas = new Quotas({ limits: limits.machine, agents, journals, clock })

  const presence = new Presence()
  const intake = new ActivityIntake({ presence, agents, journals, quotas, clock, logger: ofMachines })
  const switchboard = new Switchboard({
    keys,
    machines,
    agents,
    commands,
    readings,
    presence,
    intake,
    logger: ofMachines,
  })

  const onArrival = (socket: WebSocket, stream: Duplex, key: MachineKey) => {
    const options = { handlers: switchboard, key, clock, logger: ofMachines }
    switchboard.onArrival(new MachineConnection(socket, stream, options))
  }

  const streams = new AgentStreams({ agents, journals, clock })

  const services = new PushServices({ loopback: pushLoopback })
  const pushKey = () => store.pushKey()
  const notifier = new Notifier({
    agents,
    feed,
    subscriptions,
    services,
    pushKey,
    clock,
    logger: ofMachines,
  })

  const counts = new HubCounts({ journals, commands, services, logger: ofMachines })

  const audit = new Audit({ log: store.audit, clock, logger })
  const trails = new Trails({ audit, gate, sessions, clock })
  const rollouts = new Rollouts({ ...shared, store, commands, agents, feed, audit })
  const open = new OpenRequests({ sessions, clock })
  return {
    clock,
    store,
    journals,
    gate,
    notices,
    feed,
    changes,
    keys,
    people,
    sessions,
    signIns,
    subscriptions,
    machines,
    enrollments,
    commands,
    readings,
    agents,
    quotas,
    intake,
    switchboard,
    onArrival,
    streams,
    services,
    notifier,
    counts,
    audit,
    trails,
    rollouts,
    open,
  }
}

/** Connects the events of each part to the parts that act on them. */
function connect({ journals, intake, streams, changes, feed, commands, agents, trails, quotas }: Parts) {
  journals.events.on('committed', (keys) => intake.onCommitted(keys))
  journals.events.on('committed', (keys) => streams.onCommitted(keys))
  journals.events.on('committed', () => changes.onActivity())
  // The intake is not told, because the switch may be part of a greeting, and no frame may precede the welcome.
  journals.events.on('turned', (key) => {
    streams.onCommitted([key])
    changes.onActivity()
  })
  feed.subscribe((change) => streams.onChange(change))
  commands.events.on('succeeded', (outcome, type) => agents.onSucceeded(outcome, type))
  commands.events.on('settled', (outcome, type) => trails.onSettled(outcome, type))
  feed.subscribe(({ kind }) => {
    if (kind !== 'agent_removed') return
    quotas.onChange()
    intake.makeRoom()
  })
}

async function load(parts: Parts): Promise<void> {
  const { machines, commands, agents, keys, enrollments, sessions, subscriptions, notifier } = parts
  const { rollouts } = parts
  await rollouts.blocked.load()
  await machines.load()
  await agents.load()
  await commands.load()
  await keys.settle(machines.ids())
  await enrollments.load()
  await sessions.load()
  await subscriptions.load()
  await rollouts.load()
  notifier.watch()
}

/**
 * Closes the parts and the store, in an order that loses no remaining work.
 * @param drained waits until the requests that the hub no longer accepts have ended
 */
export async function closeParts(parts: Parts, drained: () => Promise<void>): Promise<void> {
  const { switchboard, commands, feed, gate, notices, notifier, rollouts, services, trails, store } = parts
  notifier.close()
  services.close()
  await rollouts.close()
  switchboard.close()
  await commands.close()
  feed.close()
  await drained()
  await switchboard.drain()
  gate.close()
  notices.close()
  await trails.close()
  await store.close()
}
