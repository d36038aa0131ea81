import { X509Certificate } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { getRequestListener } from '@hono/node-server'
import type * as z from 'zod/mini'
import { type HubRecord, hubFiles } from '../config/hub.ts'
import { HUB_LIMITS, type HubLimits } from '../config/hub-limits.ts'
import type { DatabaseAddress } from '../config/hub-store.ts'
import { isContainerSecret } from '../config/key.ts'
import { isLoopback } from '../config/server-url.ts'
import type { Network } from '../config/trusted-proxies.ts'
import { type Clock, systemClock } from '../platform/clock.ts'
import { reasonOf, shortageIn, UserError } from '../platform/errors.ts'
import { EXIT } from '../platform/exit-codes.ts'
import { writeAtomic } from '../platform/files.ts'
import type { Logger } from '../platform/log.ts'
import { faultsOf, type OwnershipFault } from '../platform/ownership.ts'
import { identify } from '../platform/process-identity.ts'
import { readPem } from '../platform/read-at-most.ts'
import { assemble, closeParts } from './assemble.ts'
import { Gate, type GateLimits } from './gate/gate.ts'
import { api } from './http/api.ts'
import { openListeners } from './http/listeners.ts'
import { acceptMachines } from './machines/accept-machines.ts'
import { openStore, retryWhileStoreAway } from './open-store.ts'

export interface HubOptions {
  /** The hub's folder, created if missing. */
  dir: string
  /** Database of the hub's data. Default: the data is in the hub's folder. */
  store?: DatabaseAddress | undefined
  host: string
  /** Port to listen on; 0 for any free port. */
  port: number
  /** Paths of the certificate and the private key (PEM). */
  tls?: { cert: string; key: string } | undefined
  /** Allows listening on non-loopback addresses without TLS. */
  insecure?: boolean
  /** Limits on stored data and on each machine. Default: `HUB_LIMITS`. */
  limits?: HubLimits
  /** Permits push services on this machine, also without TLS. Default: false. */
  pushLoopback?: boolean
  /** Refuses a folder that other users can write to. Default: true. */
  strict?: boolean
  logger: Logger
  /** Limits on clients and on connections without a key. */
  gate?: Partial<GateLimits>
  /** Proxies whose `X-Forwarded-For` is trusted. */
  trustedProxies?: readonly Network[]
  clock?: Clock
  /** Called once when the hub has lost its folder and must be closed. */
  lost?: (reason: UserError) => void
  /** Ends the start while the hub waits for its database. */
  signal?: AbortSignal
  /** Called with the reason when the hub waits for its database. */
  onWait?: (reason: string) => void
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
 * Starts the hub. Waits for its database; in the pauses, another hub may take the folder.
 * @throws UserError, or the reason of the signal
 */
export function startHub(options: HubOptions): Promise<Hub> {
  return retryWhileStoreAway(() => startOnce(options), options)
}

async function startOnce(options: HubOptions): Promise<Hub> {
  const { dir, host, port, tls, insecure, limits = HUB_LIMITS } = options
  const { strict = true, pushLoopback = false, logger, clock = systemClock, lost } = options
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
  const store = await openStore({
    dir,
    address: options.store,
    faults,
    strict,
    audit: limits.audit,
    clock,
    logger,
    signal: options.signal,
    onWait: options.onWait,
  })
  try {
    const parts = await assemble({ store, gate, limits, pushLoopback, clock, logger })
    const app = api({ ...parts, releases: join(dir, 'releases'), loopback })
    const doors = await openListeners({
      host,
      port,
      tls: credentials,
      socket: files.socket,
      listener: gate.before(getRequestListener(app.fetch)),
      attend(server) {
        gate.watch(server)
        acceptMachines(server, parts, parts.onArrival)
      },
      clock,
      logger,
    })
    const name = host.includes(':') ? `[${host}]` : host
    const url = `${tls ? 'https' : 'http'}://${name}:${doors.port}`
    const record: z.infer<typeof HubRecord> = {
      version: 1,
      url,
      ...identify(process.pid)!,
      ...(credentials && { fingerprint256: new X509Certificate(credentials.cert).fingerprint256 }),
      ...(doors.local && { socket: true }),
    }
    writeAtomic(files.record, JSON.stringify(record))
    logger.info({ url }, 'hub listening')
    const leaveStore = lost && store.watch(lost)
    return {
      url,
      port: doors.port,
      machineKeyPath: files.machineKey,
      userKeyPath: files.userKey,
      ...(doors.local && { socketPath: files.socket }),
      async close() {
        leaveStore?.()
        rmSync(files.record, { force: true })
        await closeParts(parts, doors.close())
      },
    }
  } catch (error) {
    await store.close()
    throw error
  }
}

/**
 * Treats a file of another user like a file with an unsafe mode: the first version that checks this only logs
 * a warning. The other user may run a program that renews certificates. If this were an error, the hub would
 * not start after an update, and the update of a hub is not rolled back.
 */
const faultsOfPem = (path: string): OwnershipFault[] =>
  isContainerSecret(path) ? [] : faultsOf(path).map((fault) => ({ ...fault, kind: 'mode' }))

function readCredential(path: string): string {
  try {
    const text = readPem(path)
    if (!text.includes('-----BEGIN ')) throw new Error('it is not a PEM file')
    return text
  } catch (error) {
    // This is a temporary shortage, not a problem with the file.
    if (shortageIn(error)) throw error
    throw new UserError('tls_unreadable', `${path} cannot be read: ${reasonOf(error)}`, {
      remedy: 'Use a PEM file that this user can read.',
      exitCode: EXIT.usage,
    })
  }
}
