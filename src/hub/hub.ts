import { X509Certificate } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { getRequestListener } from '@hono/node-server'
import type * as z from 'zod/mini'
import { ON_TRIAL } from '../config/environment.ts'
import { HUB_UPGRADES } from '../config/format.ts'
import { type HubRecord, hubFiles } from '../config/hub.ts'
import { HUB_LIMITS, type HubLimits } from '../config/hub-limits.ts'
import { isContainerSecret } from '../config/key.ts'
import { checkGround } from '../config/ownership-policy.ts'
import { isLoopback } from '../config/server-url.ts'
import type { Network } from '../config/trusted-proxies.ts'
import { type Clock, systemClock } from '../platform/clock.ts'
import { reasonOf, shortageIn, UserError } from '../platform/errors.ts'
import { EXIT } from '../platform/exit-codes.ts'
import { clearTemporary, ensurePrivateDir, writeAtomic } from '../platform/files.ts'
import { readFormat, upgradeFolder } from '../platform/format.ts'
import { awaitLock, LockHeldError, nameOf } from '../platform/lock.ts'
import type { Logger } from '../platform/log.ts'
import { faultsOf, type OwnershipFault } from '../platform/ownership.ts'
import { identify } from '../platform/process-identity.ts'
import { readPem } from '../platform/read-at-most.ts'
import { Audit } from './audit/audit.ts'
import { Gate, type GateLimits } from './gate/gate.ts'
import { Notices } from './gate/notices.ts'
import { api } from './http/api.ts'
import { Trails } from './http/audit-trails.ts'
import { openListeners } from './http/listeners.ts'
import { OpenRequests } from './http/open-requests.ts'
import { acceptMachines } from './machines/accept-machines.ts'
import { MachineConnection } from './machines/machine-connection.ts'
import { Switchboard } from './machines/switchboard.ts'
import { AgentRegistry } from './registry/agent-registry.ts'
import { ChangeFeed } from './registry/change-feed.ts'
import { CommandQueue } from './registry/command-queue.ts'
import { Enrollments } from './registry/enrollments.ts'
import { Keys } from './registry/keys.ts'
import { MachineRegistry } from './registry/machine-registry.ts'
import { Quotas } from './registry/quotas.ts'
import { UserKeys } from './registry/user-keys.ts'
import { DebouncedWriter } from './store/files/debounced-writer.ts'
import { JournalStore } from './store/files/journal-store.ts'
import { KeyStore } from './store/files/key-store.ts'
import { watchFolder } from './store/files/watch-folder.ts'

export interface HubOptions {
  /** The hub's folder, created if missing. */
  dir: string
  host: string
  /** Port to listen on; 0 for any free port. */
  port: number
  /** Paths of the certificate and the private key (PEM). */
  tls?: { cert: string; key: string } | undefined
  /** Allows listening on non-loopback addresses without TLS. */
  insecure?: boolean
  /** Limits on kept data and on each machine. Default: `HUB_LIMITS`. */
  limits?: HubLimits
  /** Refuses a folder that other users can write to. Default: true. */
  strict?: boolean
  logger: Logger
  /** Limits on clients and on connections without a key. */
  gate?: Partial<GateLimits>
  /** Proxies whose `X-Forwarded-For` counts. */
  trustedProxies?: readonly Network[]
  clock?: Clock
  /** Called once when the hub has lost its folder and must be closed. */
  lost?: (reason: UserError) => void
}

export interface Hub {
  /** URL of the HTTP API. Machines connect to the same address over ws(s). */
  url: string
  port: number
  machineKeyPath: string
  userKeyPath: string
  /** The Unix socket for programs on the same machine. */
  socketPath?: string
  close(): Promise<void>
}

/**
 * Maximum repeats of a log line about one machine, per minute: a machine can reconnect and fail without
 * limit.
 */
const SAME_OF_MACHINE = 10

/** Starts the hub. @throws UserError */
export async function startHub(options: HubOptions): Promise<Hub> {
  const { dir, host, port, tls, insecure, limits = HUB_LIMITS } = options
  const { strict = true, logger, clock = systemClock, lost } = options
  const loopback = isLoopback(host)
  if (!loopback && !tls && !insecure)
    throw new UserError(
      'hub_insecure',
      `Without TLS, the hub cannot listen on ${host}, only on this machine.`,
      {
        remedy: 'Set --tls-cert and --tls-key, or use --insecure in a network that you trust.',
        exitCode: EXIT.usage,
      },
    )
  const gate = new Gate({ proxies: options.trustedProxies, limits: options.gate, clock, logger })
  const credentials = tls && { cert: readCredential(tls.cert), key: readCredential(tls.key) }
  const files = hubFiles(dir)
  const faults = tls ? [tls.cert, tls.key].flatMap(faultsOfPem) : []
  const ground = checkGround(dir, { faults, strict })
  ensurePrivateDir(dir)
  // Refuses a folder of a newer version before anything in it, even the lock, is touched.
  readFormat(dir, HUB_UPGRADES)
  const unlock = await takeLock(join(dir, 'lock'), logger)
  try {
    clearTemporary(dir, { sole: true })
    ground.remember()
    for (const warning of ground.warnings) logger.warn(warning)
    if (process.env[ON_TRIAL] !== '1') upgradeFolder(dir, HUB_UPGRADES)
    const now = () => new Date(clock.now()).toISOString()
    const keyStore = new KeyStore(dir, now, logger)
    const notices = new Notices(clock, logger, { lines: Infinity, same: SAME_OF_MACHINE })
    const ofMachines = notices.asLogger()
    const keys = new Keys(keyStore, now, ofMachines)
    const people = new UserKeys(dir, keyStore, now, logger)
    const open = new OpenRequests(people, clock)
    const audit = new Audit(join(dir, 'audit'), { limits: limits.audit, clock, logger })
    const trails = new Trails({ audit, gate, people, clock })
    const parts = assemble({ dir, keys, people, trails, clock, logger, ofMachines, limits })
    keys.settle(parts.machines.ids())
    const { switchboard, store, commands, saver } = parts
    await commands.ready()
    const enrolments = new Enrollments({
      path: join(dir, 'enrolments.json'),
      keys,
      people,
      known: () => parts.machines.ids(),
      logger,
      now: () => clock.now(),
    })
    const releases = join(dir, 'releases')
    const app = api({
      ...parts,
      keys,
      people,
      open,
      audit,
      trails,
      enrolments,
      releases,
      loopback,
      gate,
    })
    const listener = gate.before(getRequestListener(app.fetch))
    const doors = await openListeners({
      host,
      port,
      tls: credentials,
      socket: files.socket,
      listener,
      attend(server) {
        gate.watch(server)
        acceptMachines(server, { keys, gate }, (socket, stream, key) =>
          switchboard.onArrival(new MachineConnection(socket, stream, switchboard, key, clock, ofMachines)),
        )
      },
      logger,
    })
    const { port: actual } = doors
    const name = host.includes(':') ? `[${host}]` : host
    const url = `${tls ? 'https' : 'http'}://${name}:${actual}`
    const record: z.infer<typeof HubRecord> = {
      version: 1,
      url,
      ...identify(process.pid)!,
      ...(credentials && { fingerprint256: new X509Certificate(credentials.cert).fingerprint256 }),
      ...(doors.local && { socket: true }),
    }
    writeAtomic(files.record, JSON.stringify(record))
    logger.info({ url }, 'hub listening')
    const leaveFolder = lost && watchFolder(dir, lost)
    return {
      url,
      port: actual,
      machineKeyPath: files.machineKey,
      userKeyPath: files.userKey,
      ...(doors.local && { socketPath: files.socket }),
      async close() {
        leaveFolder?.()
        rmSync(files.record, { force: true })
        const empty = doors.close()
        switchboard.close()
        await commands.close()
        parts.feed.close()
        await empty()
        await switchboard.drain()
        gate.close()
        notices.close()
        await store.close()
        saver.close()
        await trails.close()
        unlock()
      },
    }
  } catch (error) {
    unlock()
    throw error
  }
}

/** Creates and connects the stores that both the machine connections and the API use. */
function assemble({
  dir,
  keys,
  people,
  trails,
  clock,
  logger,
  ofMachines,
  limits,
}: Required<Pick<HubOptions, 'dir' | 'clock' | 'logger' | 'limits'>> & {
  keys: Keys
  people: UserKeys
  trails: Trails
  /** Logger for lines about single machines; rate-limited. */
  ofMachines: Logger
}) {
  const feed = new ChangeFeed()
  const saver = new DebouncedWriter(clock, logger)
  const agentsDir = join(dir, 'agents')
  const store: JournalStore = new JournalStore({
    dir: agentsDir,
    clock,
    logger,
    onCommitted: (keys) => {
      switchboard.onCommitted(keys)
      for (const key of keys) feed.publish({ kind: 'activity', key })
    },
  })
  const machines = new MachineRegistry({
    path: join(dir, 'machines.json'),
    keys,
    feed,
    saver,
    logger,
    now: () => new Date(clock.now()).toISOString(),
  })
  const agents = new AgentRegistry({
    dir: agentsDir,
    store,
    feed,
    saver,
    logger: ofMachines,
    most: limits.machine.agents,
    hasStarted: ({ machine_id, agent_id }) => commands.hasStarted(machine_id, agent_id),
    isConnected: (machineId) => machines.link(machineId) !== undefined,
    machineName: (machineId) => machines.nameOf(machineId),
  })
  const commands: CommandQueue = new CommandQueue({
    path: join(dir, 'commands.jsonl'),
    machines,
    logger,
    clock,
    memory: limits.memory,
    isGone: (name) => people.isGone(name),
    onSuccess({ machine_id, agent_id }, type) {
      if (agent_id === undefined) return
      if (type === 'agent:start') agents.onStarted({ machine_id, agent_id })
      if (type === 'agent:remove') agents.forget({ machine_id, agent_id })
    },
    onSettled: (outcome, type) => trails.onSettled(outcome, type),
  })
  const quotas = new Quotas({ limits: limits.machine, agents, store, clock })
  const switchboard: Switchboard = new Switchboard({
    keys,
    machines,
    agents,
    commands,
    store,
    quotas,
    clock,
    logger: ofMachines,
  })
  feed.subscribe(({ kind }) => {
    if (kind !== 'agent_removed') return
    quotas.onChange()
    switchboard.makeRoom()
  })
  return { feed, saver, store, machines, agents, commands, quotas, switchboard }
}

async function takeLock(path: string, logger: Logger) {
  try {
    return await awaitLock(path, (text) => logger.warn(text))
  } catch (error) {
    if (!(error instanceof LockHeldError)) throw error
    throw new UserError('hub_running', `A hub is already running on this folder: ${nameOf(error.holder)}.`, {
      remedy: 'Use that hub, or choose another folder with --data-dir.',
      exitCode: EXIT.refused,
    })
  }
}

/**
 * Treats a foreign owner, such as a program that renews certificates, like a file mode, which only causes a
 * warning at first: after an update, an error would stop the hub, which does not roll back.
 */
const faultsOfPem = (path: string): OwnershipFault[] =>
  isContainerSecret(path) ? [] : faultsOf(path).map((fault) => ({ ...fault, kind: 'mode' }))

function readCredential(path: string): string {
  try {
    const text = readPem(path)
    if (!text.includes('-----BEGIN ')) throw new Error('it is not a PEM file')
    return text
  } catch (error) {
    // A temporary shortage, not a problem of the file.
    if (shortageIn(error)) throw error
    throw new UserError('tls_unreadable', `${path} cannot be read: ${reasonOf(error)}`, {
      remedy: 'Use a PEM file that this user can read.',
      exitCode: EXIT.usage,
    })
  }
}
