import { readFileSync, rmSync } from 'node:fs'
import type { Server } from 'node:http'
import { createServer as createPlainServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { getRequestListener } from '@hono/node-server'
import { WebSocketServer } from 'ws'
import type * as z from 'zod/mini'
import { type HubRecord, hubFiles } from '../config/hub.ts'
import { isLoopback } from '../config/server-url.ts'
import { systemCode, UserError } from '../platform/errors.ts'
import { ensurePrivateDir, writeAtomic } from '../platform/files.ts'
import { acquireLock, LockHeldError } from '../platform/lock.ts'
import type { Logger } from '../platform/log.ts'
import { identify } from '../platform/process-identity.ts'
import { Limits } from '../protocol/index.ts'
import { api } from './api.ts'
import { Commands } from './commands.ts'
import { Keys } from './keys.ts'
import { Machines } from './machines.ts'
import { Registry } from './registry.ts'

export interface HubOptions {
  /** Its folder; made if need be. */
  dir: string
  host: string
  /** 0 for any that is free. */
  port: number
  /** Files with certificate and private key, PEM. */
  tls?: { cert: string; key: string } | undefined
  /** Allow to listen beyond this machine without TLS. */
  insecure?: boolean
  logger: Logger
}

export interface Hub {
  /** Of the HTTP API; machines connect to the same with ws(s). */
  url: string
  machineKeyPath: string
  userKeyPath: string
  close(): Promise<void>
}

/** Starts the control server. @throws UserError */
export async function startHub(options: HubOptions): Promise<Hub> {
  const { dir, host, port, tls, insecure, logger } = options
  if (!isLoopback(host) && host !== '::1' && !tls && !insecure)
    throw new UserError('hub_insecure', `Without TLS the hub listens on this machine only, not on ${host}.`, {
      remedy: 'Give --tls-cert and --tls-key, or --insecure in a network that you trust.',
      exitCode: 2,
    })
  const credentials = tls && { cert: readPem(tls.cert), key: readPem(tls.key) }
  ensurePrivateDir(dir)
  const unlock = takeLock(join(dir, 'lock'))
  try {
    const files = hubFiles(dir)
    const keys = new Keys(dir)
    const registry = new Registry(join(dir, 'registry.json'), logger)
    const commands = new Commands(join(dir, 'commands.jsonl'))
    const machines = new Machines({ activityDir: join(dir, 'agents'), registry, commands, logger })
    const listener = getRequestListener(api({ keys, registry, commands, machines, logger }).fetch)
    const server: Server = credentials ? createTlsServer(credentials, listener) : createPlainServer(listener)
    acceptMachines(server, keys, machines)
    await listen(server, host, port)

    const { port: actual } = server.address() as AddressInfo
    const name = host.includes(':') ? `[${host}]` : host
    const url = `${tls ? 'https' : 'http'}://${name}:${actual}`
    const record: z.infer<typeof HubRecord> = { version: 1, url, ...identify(process.pid)! }
    writeAtomic(files.record, JSON.stringify(record))
    logger.info({ url }, 'hub listening')
    return {
      url,
      machineKeyPath: files.machineKey,
      userKeyPath: files.userKey,
      async close() {
        rmSync(files.record, { force: true })
        const closed = new Promise((resolve) => server.close(resolve))
        await machines.close()
        server.closeAllConnections()
        await closed
        registry.close()
        commands.close()
        unlock()
      },
    }
  } catch (error) {
    unlock()
    throw error
  }
}

function acceptMachines(server: Server, keys: Keys, machines: Machines) {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: Limits.frame_bytes,
    perMessageDeflate: false,
  })
  server.on('upgrade', (request, socket: Duplex, head) => {
    // A client that goes away during the handshake is no event here.
    socket.on('error', () => {})
    if (!keys.accepts(request.headers.authorization, 'machine'))
      return socket.end('HTTP/1.1 401 Unauthorized\r\nconnection: close\r\ncontent-length: 0\r\n\r\n')
    sockets.handleUpgrade(request, socket, head, (webSocket) => machines.accept(webSocket))
  })
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      const code = systemCode(error)
      if (code === 'EADDRINUSE')
        reject(
          new UserError('port_in_use', `Port ${port} on ${host} is in use.`, {
            remedy: 'Choose another with --port or FOMULAR_HUB_PORT, or stop what uses it.',
          }),
        )
      else
        reject(
          new UserError('cannot_listen', `The hub cannot listen on ${host}:${port}: ${error.message}`, {
            remedy: 'Choose another address with --host and --port.',
          }),
        )
    })
    server.listen(port, host, resolve)
  })
}

function takeLock(path: string) {
  try {
    return acquireLock(path)
  } catch (error) {
    if (!(error instanceof LockHeldError)) throw error
    throw new UserError(
      'hub_running',
      `A hub is already running on this folder: process ${error.holder.pid}.`,
      {
        remedy: 'Use that one, or give this one another folder with --data-dir.',
        exitCode: 4,
      },
    )
  }
}

function readPem(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new UserError('tls_unreadable', `${path} cannot be read: ${(error as Error).message}`, {
      remedy: 'Give a PEM file that this user can read.',
      exitCode: 2,
    })
  }
}
