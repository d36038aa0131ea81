import { readFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod/mini'
import { UpdateFailure } from './failure.ts'
import { Release, type Source } from './release.ts'

/** For the registry to begin its answer, and for a whole package at a slow line's pace. */
const ANSWER_MS = 60_000
const DOWNLOAD_MS = 10 * 60_000
/** A package with an executable for one platform is about 40 MB. */
const TARBALL_BYTES = 512 * 1024 * 1024

const Packument = z.object({
  'dist-tags': z.record(z.string(), z.string()),
  versions: z.record(z.string(), z.unknown()),
})

interface Registry {
  url: string
  token?: string
}

/** What a registry has under an exact version or a dist-tag, asked without npm. @throws UpdateFailure */
export async function fetchPackument(spec: string, source: Source): Promise<Release> {
  const registry = registryOf(source)
  const url = `${registry.url}/${source.package.replace('/', '%2f')}`
  const response = await get(url, registry, source, ANSWER_MS, 'resolve')
  const packument = Packument.safeParse(await response.json().catch(() => undefined))
  if (!packument.success)
    throw new UpdateFailure('update_registry_unreachable', 'resolve', `${url} does not answer as a registry.`)
  const { versions } = packument.data
  const tags = packument.data['dist-tags']
  const version = Object.hasOwn(tags, spec) ? tags[spec]! : spec
  const release = Object.hasOwn(versions, version) ? Release.safeParse(versions[version]) : undefined
  if (release?.success) return release.data
  throw new UpdateFailure(
    'update_version_not_found',
    'resolve',
    `The registry has no version ${spec} of ${source.package}.`,
  )
}

/** Fetches a release's package without npm. What it is worth is for the integrity check to say. */
export async function fetchTarball({ dist }: Release, path: string, source: Source): Promise<string> {
  const registry = registryOf(source)
  const response = await get(dist.tarball, registry, source, DOWNLOAD_MS, 'download')
  const file = await open(path, 'w', 0o600)
  let bytes = 0
  try {
    for await (const chunk of response.body ?? []) {
      bytes += (chunk as Uint8Array).length
      if (bytes > TARBALL_BYTES)
        throw new UpdateFailure('update_integrity', 'download', `The package is over ${TARBALL_BYTES} bytes.`)
      await file.writeFile(chunk as Uint8Array)
    }
    await file.sync()
  } catch (error) {
    throw error instanceof UpdateFailure ? error : unreachable(dist.tarball, 'download', error)
  } finally {
    await file.close()
  }
  return path
}

async function get(
  url: string,
  registry: Registry,
  { signal }: Source,
  ms: number,
  stage: 'resolve' | 'download',
): Promise<Response> {
  const stop = new AbortController()
  const abort = () => stop.abort()
  signal.addEventListener('abort', abort)
  const timer = setTimeout(abort, ms)
  timer.unref()
  // The key of one registry is no other host's business.
  const own = new URL(url).host === new URL(registry.url).host
  const headers = own && registry.token ? { authorization: `Bearer ${registry.token}` } : undefined
  try {
    const response = await fetch(url, { signal: stop.signal, ...(headers && { headers }) })
    if (response.ok) return response
    const missing = response.status === 404
    throw new UpdateFailure(
      missing ? 'update_version_not_found' : 'update_registry_unreachable',
      stage,
      missing ? `The registry has no ${url}.` : `The registry answered HTTP ${response.status} for ${url}.`,
    )
  } catch (error) {
    throw error instanceof UpdateFailure ? error : unreachable(url, stage, error)
  }
}

function unreachable(url: string, stage: 'resolve' | 'download', error: unknown): UpdateFailure {
  const { code } = (error ?? {}) as NodeJS.ErrnoException
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new UpdateFailure('update_disk_full', stage, 'The disk is full.', { remedy: 'Make room on it.' })
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  return new UpdateFailure('update_registry_unreachable', stage, `${url} cannot be reached.`, {
    output: cause instanceof Error ? cause.message : String(cause),
    cause: error,
  })
}

/** The registry npm would use, from the settings that matter of its own. @throws UpdateFailure where there are none */
function registryOf({ package: name, registry, env }: Source): Registry {
  const npmrc = readNpmrc(env)
  const [, scope] = /^(@[^/]+)\//.exec(name) ?? []
  const found =
    registry ??
    (scope === undefined ? undefined : npmrc.get(`${scope}:registry`)) ??
    env.npm_config_registry ??
    npmrc.get('registry')
  if (found === undefined)
    throw new UpdateFailure(
      'update_no_registry',
      'resolve',
      'There is no npm on this machine, and no registry is set.',
      { remedy: 'Set registry under [update] in the configuration file, or FOMULAR_UPDATE_REGISTRY.' },
    )
  const url = found.replace(/\/+$/, '')
  const token = npmrc.get(`${url.replace(/^https?:/, '')}/:_authToken`)
  return { url, ...(token !== undefined && { token }) }
}

function readNpmrc(env: NodeJS.ProcessEnv): Map<string, string> {
  const path = env.npm_config_userconfig ?? join(env.HOME ?? '/', '.npmrc')
  const settings = new Map<string, string>()
  try {
    for (const line of readFileSync(path, 'utf8').split('\n')) {
      const [, key, value] = /^\s*([^#;=\s]+)\s*=\s*"?(.*?)"?\s*$/.exec(line) ?? []
      if (key !== undefined && value !== undefined)
        settings.set(
          key,
          value.replace(/\$\{(\w+)\}/g, (_, variable: string) => env[variable] ?? ''),
        )
    }
  } catch {
    // None there.
  }
  return settings
}
