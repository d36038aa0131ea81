import { createWriteStream } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { request as plainRequest } from 'node:http'
import { request as secureRequest } from 'node:https'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { sleep } from '../platform/clock.ts'
import { systemCode, UserError } from '../platform/errors.ts'
import { ProxyError } from '../platform/proxy-error.ts'
import { wayTo } from '../platform/request-way.ts'
import { trust } from '../platform/trust.ts'
import { boundedJson } from '../protocol/bounded-json.ts'
import { asFailure, UpdateFailure } from './failure.ts'
import type { Source } from './npm.ts'
import { type Registry, registryOf } from './npmrc.ts'
import { NO_REGISTRY, obstacleFailure } from './obstacle.ts'
import { PackageFacts, type Release } from './package-facts.ts'

/** Without a byte from the registry. */
const SILENT_MS = 60_000
/** A package with an executable for one platform is about 40 MB. */
const TARBALL_BYTES = 512 * 1024 * 1024
/** Facts about a package with thousands of versions. */
const JSON_BYTES = 8 * 1024 * 1024
/** Parsed, they take 40 MB at most. */
const JSON_BOUNDS = { nesting: 100, values: 300_000 }
const REDIRECTS = 5
/** Before a registry is asked again; as often as npm does, unless `fetch-retries` says less. */
const PAUSES_MS = [1000, 5000]
const PASSING_STATUS = new Set([408, 420, 429])
const PASSING_CODES = new Set(['ECONNRESET', 'ECONNREFUSED', 'ETIMEDOUT', 'EPIPE'])
/** How much of a wrong address a message repeats. */
const SHOWN_CHARS = 128
/** For all of an answer: one that trickles is never silent. */
const JSON_MS = 2 * 60_000
const TARBALL_MS = 60 * 60_000

type Stage = 'resolve' | 'download'

/** What a registry has of a package and under an exact version or a dist-tag, asked without npm. @throws UpdateFailure */
export async function fetchPackument(spec: string, source: Source): Promise<[PackageFacts, unknown]> {
  const path = `/${source.package.replace('/', '%2f')}`
  const packument = await fetchJson(path, source)
  const facts = PackageFacts.safeParse(packument)
  const versions = (packument as { versions?: Record<string, unknown> } | undefined)?.versions
  if (!facts.success || typeof versions !== 'object' || versions === null) {
    const { url, proxies } = registryOf(source)
    throw obstacleFailure({ stage: 'resolve', package: source.package, url, proxies, code: NO_REGISTRY })
  }
  const tags = facts.data['dist-tags']
  const version = Object.hasOwn(tags, spec) ? tags[spec]! : spec
  return [facts.data, Object.hasOwn(versions, version) ? versions[version] : undefined]
}

/** Something that the registry has under this path, as JSON. @throws UpdateFailure */
async function fetchJson(path: string, source: Source): Promise<unknown> {
  const registry = registryOf(source)
  const url = registry.url + path
  const noRegistry = {
    stage: 'resolve' as const,
    package: source.package,
    url,
    proxies: registry.proxies,
    code: NO_REGISTRY,
  }
  const chunks: Buffer[] = []
  let bytes = 0
  await receive(url, registry, source, 'resolve', async (body) => {
    for await (const chunk of body) {
      bytes += (chunk as Buffer).length
      if (bytes > JSON_BYTES) throw obstacleFailure(noRegistry)
      chunks.push(chunk as Buffer)
    }
  })
  return boundedJson(Buffer.concat(chunks), JSON_BOUNDS)
}

/**
 * Fetches a release's package. What it is worth is for the integrity check to say. npm is not asked: it would look the
 * address up once more, and clone and build what is the address of a repository.
 * @throws UpdateFailure
 */
export async function fetchTarball({ dist }: Release, path: string, source: Source): Promise<string> {
  const registry = registryOf(source)
  const limit = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length
      if (bytes <= TARBALL_BYTES) return done(null, chunk)
      const message = `The package is over ${TARBALL_BYTES} bytes.`
      done(new UpdateFailure('update_integrity', 'download', message))
    },
  })
  let bytes = 0
  await receive(addressOf(dist.tarball, registry), registry, source, 'download', (body) =>
    pipeline(body, limit, createWriteStream(path, { mode: 0o600 })),
  )
  return path
}

/** The address of a package, with the registry's own host where npm would put that. */
function addressOf(tarball: string, { url, replacedHost }: Registry): string {
  if (!URL.canParse(tarball)) return tarball
  const { host, pathname, search } = new URL(tarball)
  return replacedHost === 'always' || replacedHost === host ? new URL(pathname + search, url).href : tarball
}

async function receive(
  url: string,
  registry: Registry,
  { signal, package: name, check }: Source,
  stage: Stage,
  take: (body: NodeJS.ReadableStream & AsyncIterable<unknown>) => Promise<void>,
) {
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
      // Its body may never end.
      response.destroy()
      throw obstacleFailure({ stage, package: name, url, proxies: registry.proxies, status })
    }
    if (response.headers['content-encoding'] === 'gzip') {
      const plain = createGunzip()
      await Promise.all([pipeline(response, plain), take(plain)])
    } else await take(response)
  } catch (error) {
    if (signal.aborted) throw new UpdateFailure('update_interrupted', stage, 'The daemon was told to stop.')
    const late = limit.signal.aborted ? `its answer took over ${allowed / 60_000} minutes` : undefined
    const failure = asFailure(error, stage)
    if (failure.error.code !== 'update_failed') throw failure
    const { proxies } = registry
    const first = error instanceof AggregateError ? error.errors[0] : error
    const proxy = late === undefined && first instanceof ProxyError ? first : undefined
    // As npm has it, which knows 407 only as a status.
    if (proxy?.status === 407)
      throw obstacleFailure({ stage, package: name, url, proxies, status: 407, cause: error })
    const refused = proxy && proxy.code === undefined ? `it ${proxy.why}` : undefined
    const said = late ?? refused ?? (first instanceof Error ? first : failure).message
    const code = late === undefined ? systemCode(first) : undefined
    const remedy = late === undefined && first instanceof UserError ? first.remedy : undefined
    throw obstacleFailure({ stage, package: name, url, proxies, code, said, remedy, cause: error })
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', abort)
  }
}

/** Asks, again where the registry or the way to it fails for the moment, as npm does. */
async function persist(
  ask: () => Promise<IncomingMessage>,
  retries: number | undefined,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  for (const pause of PAUSES_MS.slice(0, retries)) {
    try {
      const response = await ask()
      const { statusCode = 0 } = response
      if (statusCode < 500 && !PASSING_STATUS.has(statusCode)) return response
      response.destroy()
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
    throw new Error(`${JSON.stringify(url.slice(0, SHOWN_CHARS))} is no address of the web`)
  check?.(url)
  const { env, named } = registry.proxies
  const way = await wayTo(target, env, named)
  // What lets a machine in at one host is no other's business, and not to be read on the way where the registry has TLS.
  const { host, protocol } = new URL(registry.url)
  const isMeant =
    [host, new URL(asked).host].includes(target.host) && [protocol, 'https:'].includes(target.protocol)
  const { authorization, client } = isMeant ? registry.credentials(url) : {}
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = (way.protocol === 'http:' ? plainRequest : secureRequest)({
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
    request.on('timeout', () => request.destroy(new Error(`nothing came for ${SILENT_MS / 1000} s`)))
    request.on('error', reject)
    request.on('response', resolve)
    request.end()
  })
  const { location } = response.headers
  if ((response.statusCode ?? 0) < 300 || (response.statusCode ?? 0) >= 400 || !location) return response
  response.destroy()
  if (redirects === REDIRECTS) throw new Error(`more than ${REDIRECTS} redirections`)
  const next = new URL(location, target)
  if (target.protocol === 'https:' && next.protocol !== 'https:')
    throw new Error(`redirected to ${next.origin}, without TLS`)
  return get(next.href, registry, signal, check, redirects + 1, asked)
}
