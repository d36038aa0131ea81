import { hostname, platform } from 'node:os'
import { send } from '../../platform/http.ts'
import { requestRoute } from '../../platform/request-route.ts'
import { trust } from '../../platform/trust.ts'
import { VERSION } from '../../platform/version.ts'
import { otlpOf } from './otlp.ts'
import type { Span } from './span.ts'
import type { CollectorAnswer } from './span-exporter.ts'

/** Maximum time without data from the collector, in ms. */
const SILENCE_MS = 10_000

export interface CollectorOptions {
  url: string
  /** Headers of each request, such as a key. Secret. */
  headers: Readonly<Record<string, string>>
  machineId: string
  env: NodeJS.ProcessEnv
}

/** Returns a function that sends spans to a collector, directly or through the proxy of this machine. */
export function collector({ url, headers, machineId, env }: CollectorOptions) {
  const target = new URL(url)
  const resource = {
    'service.name': 'fomular-daemon',
    'service.version': VERSION,
    'host.id': machineId,
    'host.name': hostname(),
    'os.type': platform(),
  }
  return async (spans: readonly Span[], signal: AbortSignal): Promise<CollectorAnswer> => {
    const body = otlpOf(resource, VERSION, spans)
    const route = await requestRoute(target, env)
    const answer = await send(target, {
      ...(target.protocol === 'https:' && trust(url, '', env)),
      ...route,
      method: 'POST',
      headers: {
        ...route.headers,
        ...headers,
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
      },
      timeout: SILENCE_MS,
      signal,
      body,
    })
    // The body may never end.
    answer.destroy()
    return { status: answer.statusCode ?? 0, retryAfter: answer.headers['retry-after'] }
  }
}
