import { createWriteStream } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { sleep } from '../../platform/clock.ts'
import { systemCode, UserError } from '../../platform/errors.ts'
import { send } from '../../platform/http.ts'
import { ProxyError } from '../../platform/proxy-error.ts'
import { requestRoute } from '../../platform/request-route.ts'
import { pauseMs } from '../../platform/retry-after.ts'
import { trust } from '../../platform/trust.ts'
import { boundedJson } from '../../protocol/bounded-json.ts'
import { asFailure, UpdateFailure } from '../failure.ts'
import type { Source } from './npm.ts'
import { type Registry, registryOf } from './npmrc.ts'
import { NO_REGISTRY, obstacleFailure } from './obstacle.ts'
import { PackageFacts, type Release } from './package-facts.ts'

/** Maximum time without a byte from the registry, in milliseconds. */
const SILENT_MS = 60_000
/** Maximum size of a package, in bytes. A package with the executable for one platform has about 40 MB. */
const TARBALL_BYTES = 512 * 1024 * 1024
/** Maximum size of the registry's description of a package, in bytes: enough for thousands of versions. */
const JSON_BYTES = 8 * 1024 * 1024
/** Limits for parsing the description of a package, so that it takes at most 40 MB of memory. */
const JSON_BOUNDS = { nesting: 100, values: 300_000 }
const REDIRECTS = 5
/**
 * Pauses before retries, in milliseconds. npm makes the same number of retries. A lower `fetch-retries`
 * reduces this number.
 */
const PAUSES_MS = [1000, 5000]
/** Maximum pause that a registry can request with `Retry-After`, in milliseconds. */
const MOST_PAUSE_MS = 30_000
const PASSING_STATUS = new Set([408, 420, 429])
const PASSING_CODES = new Set(['ECONNRESET', 'ECONNREFUSED', 'ETIMEDOUT', 'EPIPE'])
/** Maximum length of an invalid address in a message, in characters. */
const SHOWN_CHARS = 128
/**
 * Time limits for an entire answer, in milliseconds. They are necessary because `SILENT_MS` never ends an
 * answer that arrives slowly but steadily.
 */
const JSON_MS = 2 * 60_000
const TARBALL_MS = 60 * 60_000

type Stage = 'resolve' | 'download'

/**
 * Fetches the registry's description of a package, and of an exact version or a dist-tag of that package,
 * without npm.
 * @throws UpdateFailure
 */
export async function fetchPackument(spec: string, source: Source): Promise<[PackageFacts, unknown]> {
  const path = `/${source.package.replace('/', '%2f')}`
  const packument = await fetchJson(path, source)
  const facts = PackageFacts.safeParse(packument)
  const versions = (packument as { versions?: Record<string, unknown> } | undefined)?.versions
  if (!facts.success || typeof versions !== 'object' || versions === null) {
    throw obstacleFailure({ ...requestTo(registryOf(source), source, 'resolve'), code: NO_REGISTRY })
  }
  const tags = facts.data['dist-tags']
  const version = Object.hasOwn(tags, spec) ? tags[spec]! : spec
  return [facts.data, Object.hasOwn(versions, version) ? versions[version] : undefined]
}

/** Fetches JSON from a path of the registry. @throws UpdateFailure */
async function fetchJson(path: string, source: Source): Promise<unknown> {
  const registry = registryOf(source)
  const url = registry.url + path
  const chunks: Buffer[] = []
  let bytes = 0
  await receive(url, registry, source, 'resolve', async (body) => {
    for await (const chunk of body) {
      bytes += (chunk as Buffer).length
      if (bytes > JSON_BYTES)
        throw obstacleFailure({ ...requestTo(registry, source, 'resolve', url), code: NO_REGISTRY })
      chunks.push(chunk as Buffer)
    }
  })
  return boundedJson(Buffer.concat(chunks), JSON_BOUNDS)
}

/**
 * Fetches a release's package, which the caller must verify. Does not use npm, because npm would look up the
 * address again. If that address led to a repository, npm would clone and build the repository.
 * @throws UpdateFailure
 */
export async function fetchTarball({ dist }: Release, path: string, source: Source): Promise<string> {
  const registry = registryOf(source)
  const limit = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length
      if (bytes <= TARBALL_BYTES) return done(null, chunk)
      const message = `The package is larger than ${TARBALL_BYTES} bytes.`
      done(new UpdateFailure('update_integrity', 'download', message))
    },
  })
  let bytes = 0
  await receive(addressOf(dist.tarball, registry), registry, source, 'download', (body) =>
    pipeline(body, limit, createWriteStream(path, { mode: 0o600 })),
  )
  return path
}

/** Returns the address of a package's file. Replaces its host with the registry's host if npm would do so. */
function addressOf(tarball: string, { url, replacedHost }: Registry): string {
  if (!URL.canParse(tarball)) return tarball
  const { host, pathname, search } = new URL(tarball)
  return replacedHost === 'always' || replacedHost === host ? new URL(pathname + search, url).href : tarball
}

async function receive(
  url: string,
  registry: Registry,
  source: Source,
  stage: Stage,
  take: (body: NodeJS.ReadableStream & AsyncIterable<unknown>) => Promise<void>,
) {
  const { signal, check } = source
  const request = requestTo(registry, source, stage, url)
  const limit = new AbortController()
  const abort = () => limit.abort()
  signal.addEventListener('abort', abort)
  const allowed = stage === 'download' ? TARBALL_MS : JSON_MS
  const timer = setTimeout(abort, allowed)
  try {
    if (signal.aborted) abort()
    const ask = () => get(url, registry, limit.signal, check)
    const response = await persist(ask, registry.retries, limit.signal)
    const status = response.statusCode ?? 0
    if (status !== 200) {
      // The body may never end.
      response.destroy()
      throw obstacleFailure({ ...request, status })
    }
    if (response.headers['content-encoding'] === 'gzip') {
      const plain = createGunzip()
      await Promise.all([pipeline(response, plain), take(plain)])
    } else await take(response)
  } catch (error) {
    if (signal.aborted) throw new UpdateFailure('update_interrupted', stage, 'The daemon was told to stop.')
    const late = limit.signal.aborted ? `its answer took more than ${allowed / 60_000} minutes` : undefined
    const failure = asFailure(error, stage)
    if (failure.code !== 'update_failed') throw failure
    const first = error instanceof AggregateError ? error.errors[0] : error
    const proxy = late === undefined && first instanceof ProxyError ? first : undefined
    // Treat status 407 in the same way for proxies with and without a tunnel, as npm does.
    if (proxy?.status === 407) throw obstacleFailure({ ...request, status: 407, cause: error })
    const refused = proxy && proxy.code === undefined ? `it ${proxy.why}` : undefined
    const said = late ?? refused ?? (first instanceof Error ? first : failure).message
    const code = late === undefined ? systemCode(first) : undefined
    const remedy = late === undefined && first instanceof UserError ? first.remedy : undefined
    throw obstacleFailure({ ...request, code, said, remedy, cause: error })
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', abort)
  }
}

const requestTo = (registry: Registry, source: Source, stage: Stage, url = registry.url) => ({
  stage,
  package: source.package,
  url,
  proxies: registry.proxies,
  incomplete: registry.incomplete,
})

/** Sends a request, and retries it after temporary failures of the registry or the network, as npm does. */
async function persist(
  ask: () => Promise<IncomingMessage>,
  retries: number | undefined,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  for (const least of PAUSES_MS.slice(0, retries)) {
    let pause = least
    try {
      const response = await ask()
      const { statusCode = 0 } = response
      if (statusCode < 500 && !PASSING_STATUS.has(statusCode)) return response
      response.destroy()
      const after = response.headers['retry-after']
      pause = pauseMs(after, { least, most: MOST_PAUSE_MS }, Date.now())
    } catch (error) {
      if (!PASSING_CODES.has(systemCode(error) ?? '')) throw error
    }
    await sleep(pause, signal)
  }
  return ask()
}

async function get(
  url: string,
  registry: Registry,
  signal: AbortSignal,
  check: Source['check'],
  redirects = 0,
  asked = url,
): Promise<IncomingMessage> {
  const target = URL.canParse(url) ? new URL(url) : undefined
  if (target?.protocol !== 'http:' && target?.protocol !== 'https:')
    throw new Error(`${JSON.stringify(url.slice(0, SHOWN_CHARS))} is not a web address`)
  check?.(url)
  const { env, named } = registry.proxies
  const way = await requestRoute(target, env, named)
  // Send credentials only to the host of the registry or of the requested address. If the registry has TLS,
  // never send them without TLS.
  const { host, protocol } = new URL(registry.url)
  const isMeant =
    [host, new URL(asked).host].includes(target.host) && [protocol, 'https:'].includes(target.protocol)
  const { authorization, client } = isMeant ? registry.credentials(url) : {}
  const response = await send(target, {
    ...way,
    signal,
    timeout: SILENT_MS,
    headers: {
      'user-agent': 'fomular-daemon',
      accept: '*/*',
      ...(authorization && { authorization }),
      ...way.headers,
    },
    ...(target.protocol === 'https:' && {
      ...(registry.anyCertificate && { rejectUnauthorized: false }),
      ...trust(url, registry.ca, env, client),
    }),
  })
  const { location } = response.headers
  if ((response.statusCode ?? 0) < 300 || (response.statusCode ?? 0) >= 400 || !location) return response
  response.destroy()
  if (redirects === REDIRECTS) throw new Error(`more than ${REDIRECTS} redirects`)
  const next = new URL(location, target)
  if (target.protocol === 'https:' && next.protocol !== 'https:')
    throw new Error(`redirected to ${next.origin}, without TLS`)
  return get(next.href, registry, signal, check, redirects + 1, asked)
}
