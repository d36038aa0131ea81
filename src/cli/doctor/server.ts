import { WebSocket } from 'ws'
import type { DaemonConfig } from '../../config/config.ts'
import { ownerOfKey } from '../../config/hub.ts'
import { serversFile } from '../../config/server-owner.ts'
import { type Way, wayTo } from '../../config/way-here.ts'
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

/** How the daemon that runs is connected. */
export function checkLink(daemon: DaemonStatus): Finding[] {
  const { pid, server_url, link, server_hears_ms } = daemon
  const who = `The daemon (process ${pid})`
  if (isHealthy(daemon))
    return [
      {
        check: 'server',
        level: 'ok',
        message: `${who} is connected to ${server_url}, which hears it (${Math.round(server_hears_ms ?? 0)} ms)`,
      },
    ]
  return [
    {
      check: 'server',
      level: 'error',
      message: `${who} is not connected to ${server_url}${link.last_error === undefined ? '' : `: ${link.last_error}`}`,
      remedy:
        link.refused === 'key_bound'
          ? 'Do what the server says. To give this machine a key of its own, run `fomular-daemon machine add` where the hub is, and the line that it prints here, with --force behind `enroll`.'
          : link.state === 'closed'
            ? 'Give the copy an identity of its own (`fomular-daemon status` says how), then run `fomular-daemon restart` here.'
            : 'Is that server running, and is the key one of its own? `fomular-daemon logs` tells more.',
    },
  ]
}

/** Whether the server is there and takes the key: opens a connection as the daemon would, and says nothing on it. */
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
  const way = await wayTo(server_url, { rules }).catch((error: Error) => error)
  if (way instanceof UserError && way.code === 'server_unknown')
    return [{ check: 'server', level: 'warning', message: way.message, remedy: way.remedy! }]
  if (way instanceof UserError)
    return failed(`${server_url} cannot be reached: ${way.message}`, way.remedy ?? 'Correct HTTPS_PROXY.')
  const outcome = await dial(server_url, way, {
    headers: { authorization: `Bearer ${key}`, 'user-agent': `fomular-daemon/${VERSION} doctor` },
    handshakeTimeout: DIAL_MS,
    followRedirects: false,
    ...trust(server_url, ca),
  })
  if (outcome === 'open')
    return [{ check: 'server', level: 'ok', message: `${server_url} is there and takes the key` }]
  if (outcome === 401 || outcome === 403)
    return failed(
      `${server_url} refuses the key.`,
      'Get a key for this machine from the server, and give it with --key-file.',
    )
  if (typeof outcome === 'number')
    return failed(
      `${server_url} answers HTTP ${outcome} instead of a WebSocket.`,
      'Is the address, with its path, the one for daemons?',
    )
  return failed(
    `${server_url} cannot be reached: ${unreachable(outcome)}`,
    outcome instanceof ProxyError
      ? proxyRemedy(outcome)
      : isUntrusted(outcome)
        ? 'Give the authority that signed its certificate, as PEM, with --ca-file.'
        : 'Start that server, or correct --server-url; behind a proxy, set HTTPS_PROXY. For this machine alone: fomular-daemon up',
  )
}

function dial(
  url: string,
  way: Way | Error,
  options: WebSocket.ClientOptions,
): Promise<'open' | number | Error> {
  return new Promise((resolve) => {
    if (way instanceof Error) return resolve(way)
    const socket = new WebSocket(url, { ...options, ...way })
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
