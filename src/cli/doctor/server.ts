import { WebSocket } from 'ws'
import type { DaemonConfig } from '../../config/daemon-config.ts'
import { ownerOfKey } from '../../config/hub.ts'
import { type Route, routeToServer } from '../../config/route-to-server.ts'
import { serversFile } from '../../config/server-owner.ts'
import { reasonOf, UserError } from '../../platform/errors.ts'
import { ProxyError, proxyRemedy } from '../../platform/proxy-error.ts'
import { readPem } from '../../platform/read-at-most.ts'
import { trust } from '../../platform/trust.ts'
import { isUntrusted, unreachable } from '../../platform/unreachable.ts'
import { VERSION } from '../../platform/version.ts'
import type { DaemonStatus } from '../client/control-client.ts'
import type { Finding } from '../render/finding.ts'
import { isHealthy } from '../render/status.ts'

const DIAL_MS = 15_000

/** Checks the connection of the running daemon. */
export function checkLink(daemon: DaemonStatus): Finding[] {
  const { pid, server_url, link, server_hears_ms } = daemon
  const who = `The daemon (process ${pid})`
  if (isHealthy(daemon))
    return [
      {
        check: 'server',
        level: 'ok',
        message: `${who} is connected to ${server_url}, which responds (${Math.round(server_hears_ms ?? 0)} ms)`,
      },
    ]
  return [
    {
      check: 'server',
      level: 'error',
      message: `${who} is not connected to ${server_url}${link.last_error === undefined ? '' : `: ${link.last_error}`}`,
      remedy:
        link.refused === 'key_bound'
          ? "Follow the server's instructions. To give this machine its own key, run `fomular-daemon machine add` on the hub's machine. Then run the printed line on this machine, with --force after `enroll`."
          : link.state === 'closed'
            ? 'Give the copy of this machine its own identity (`fomular-daemon status` explains how), then run `fomular-daemon restart` here.'
            : 'Check that the server is running and accepts this key. See `fomular-daemon logs` for details.',
    },
  ]
}

/**
 * Checks that the server is reachable and accepts the key: opens a connection as the daemon would, and sends
 * nothing.
 */
export async function checkServer(config: DaemonConfig): Promise<Finding[]> {
  const { server_url, key, ca_file } = config
  const failed = (message: string, remedy: string): Finding[] => [
    { check: 'server', level: 'error', message, remedy },
  ]
  let ca: string | undefined
  try {
    ca = ca_file === undefined ? undefined : readPem(ca_file)
  } catch (error) {
    return failed(
      `The certificate authority ${ca_file} cannot be read: ${reasonOf(error)}`,
      'Correct --ca-file.',
    )
  }
  const { state_dir, server_user: user, enrolled_servers: enrolled, key_file } = config
  const file = serversFile(state_dir)
  const rules = () => ({ file, enrolled, user, owner: ownerOfKey(key_file), looksOnly: true })
  const route = await routeToServer(server_url, { rules }).catch((error: Error) => error)
  if (route instanceof UserError && route.code === 'server_unknown')
    return [{ check: 'server', level: 'warning', message: route.message, remedy: route.remedy! }]
  if (route instanceof UserError)
    return failed(`${server_url} cannot be reached: ${route.message}`, route.remedy ?? 'Correct HTTPS_PROXY.')
  const outcome = await dial(server_url, route, {
    headers: { authorization: `Bearer ${key}`, 'user-agent': `fomular-daemon/${VERSION} doctor` },
    handshakeTimeout: DIAL_MS,
    followRedirects: false,
    ...trust(server_url, ca),
  })
  if (outcome === 'open')
    return [{ check: 'server', level: 'ok', message: `${server_url} is reachable and accepts the key` }]
  if (outcome === 401 || outcome === 403)
    return failed(
      `${server_url} refuses the key.`,
      'Get a key for this machine from the server, and pass it with --key-file.',
    )
  if (typeof outcome === 'number')
    return failed(
      `${server_url} answers HTTP ${outcome} instead of a WebSocket.`,
      'Check the address, including its path.',
    )
  return failed(
    `${server_url} cannot be reached: ${unreachable(outcome)}`,
    outcome instanceof ProxyError
      ? proxyRemedy(outcome)
      : isUntrusted(outcome)
        ? "With --ca-file, pass a PEM file with the authority that signed the server's certificate."
        : 'Start the server, or correct --server-url. Behind a proxy, set HTTPS_PROXY. To run a hub on this machine: fomular-daemon up',
  )
}

function dial(
  url: string,
  route: Route | Error,
  options: WebSocket.ClientOptions,
): Promise<'open' | number | Error> {
  return new Promise((resolve) => {
    if (route instanceof Error) return resolve(route)
    const socket = new WebSocket(url, { ...options, ...route })
    socket.on('open', () => {
      resolve('open')
      socket.terminate()
    })
    socket.on('unexpected-response', (request, response) => {
      resolve(response.statusCode ?? 0)
      request.destroy()
    })
    socket.on('error', resolve)
  })
}
