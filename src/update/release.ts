import { valid } from 'semver'
import { VersionOrTag } from '../protocol/index.ts'
import { UpdateFailure } from './failure.ts'
import { findNpm, type NpmRun, runNpm, type Source } from './npm.ts'
import { npmSaid } from './npm-said.ts'
import { registryOf } from './npmrc.ts'
import { isObstacle, NO_REGISTRY, obstacleFailure } from './obstacle.ts'
import { PackageFacts, Release } from './package-facts.ts'
import { fetchPackument } from './registry.ts'

/** How much of a wrong name a message repeats. */
const SHOWN_CHARS = 64

/** What the registry has under an exact version or a dist-tag. @throws UpdateFailure */
export async function findRelease(spec: string, source: Source): Promise<Release> {
  const checked = VersionOrTag.safeParse(spec)
  if (!checked.success)
    throw new UpdateFailure(
      'update_version_not_found',
      'resolve',
      `${JSON.stringify(spec.slice(0, SHOWN_CHARS))} is neither a version nor a dist-tag.`,
      { remedy: 'Name an exact version, as 1.2.3, or a dist-tag, as latest.' },
    )
  const npm = findNpm(source.env)
  const [facts, found] = npm ? await viewed(npm, spec, source) : await fetchPackument(spec, source)
  const release = Release.safeParse(found)
  // npm would take a range as well.
  const tags = facts?.['dist-tags'] ?? {}
  const tagged = Object.hasOwn(tags, spec) ? tags[spec] : undefined
  const exact = valid(spec) === null ? tagged : spec
  if (!release.success || release.data.version !== exact) throw notFound(spec, source)
  const published = facts?.time?.[release.data.version]
  return { ...release.data, ...(published !== undefined && { published }) }
}

/** Adds what npm alone knows: which files its settings are in, and which registry it asks where none is set here. */
export async function registryInUse(source: Source): Promise<Source> {
  const npm = findNpm(source.env)
  if (!npm) return source
  const env = { ...source.env }
  const files = await runNpm(npm, ['config', 'get', 'userconfig', 'globalconfig'], source)
  for (const [, key, path] of files.stdout.matchAll(/^(userconfig|globalconfig) *= *"?(\/.*?)"?$/gm))
    env[`npm_config_${key}`] ??= path
  const [, scope] = /^(@[^/]+)\//.exec(source.package) ?? []
  for (const key of [...(scope === undefined ? [] : [`${scope}:registry`]), 'registry']) {
    if (source.registry !== undefined) break
    const { ok, stdout } = await runNpm(npm, ['config', 'get', key], source)
    // npm prints no address that has a password in it. The files that it has the address from are read instead.
    if (!ok) break
    const registry = stdout.trim()
    if (/^https?:/.test(registry)) return { ...source, env, registry }
  }
  return { ...source, env }
}

async function viewed(npm: NonNullable<ReturnType<typeof findNpm>>, spec: string, source: Source) {
  const run = await runNpm(npm, ['view', `${source.package}@${spec}`, '--json'], source)
  if (!run.ok) throw npmFailure(run, spec, source)
  const json = lastOf(parseJson(run.stdout))
  const facts = PackageFacts.safeParse(json)
  return [facts.success ? facts.data : undefined, json] as const
}

const notFound = (spec: string, source: Source) =>
  new UpdateFailure(
    'update_version_not_found',
    'resolve',
    `The registry has no version ${spec} of ${source.package}.`,
    {
      remedy: findNpm(source.env)
        ? `See what it has: npm view ${source.package} versions dist-tags`
        : 'Name another one; `fomular-daemon update --check` says which is the newest.',
    },
  )

function npmFailure(run: NpmRun, spec: string, source: Source): UpdateFailure {
  const stage = 'resolve' as const
  const output = `${run.stderr}\n${run.stdout}`
  if (source.signal.aborted)
    return new UpdateFailure('update_interrupted', stage, 'The daemon was told to stop.')
  if (/\b(ENOSPC|EDQUOT)\b/.test(output))
    return new UpdateFailure('update_disk_full', stage, 'The disk is full.', {
      remedy: 'Make room on it, and where npm has its cache.',
    })
  if (/\b(ETARGET|ENOVERSIONS)\b|\bNo match(ing version)? found\b/.test(output)) return notFound(spec, source)
  const said = npmSaid(run)
  // npm itself stumbles over an answer that is JSON, but no package.
  if (/^Cannot (read|set) propert/.test(said.summary ?? '')) said.code ??= NO_REGISTRY
  const [, status] = /^E(\d{3})$/.exec(said.code ?? '') ?? []
  const registry = registryOf(source)
  const asked = { stage, package: source.package, url: said.url ?? registry.url, env: registry.proxyEnv }
  if (status !== undefined) return obstacleFailure({ ...asked, status: Number(status) })
  if (said.code === 'ENEEDAUTH') return obstacleFailure({ ...asked, status: 401 })
  if (isObstacle(said.code)) return obstacleFailure({ ...asked, code: said.code, said: said.summary })
  return new UpdateFailure(
    'update_registry_unreachable',
    stage,
    `npm could not get ${source.package}@${spec} from the registry${said.summary ? `: ${said.summary}` : '.'}`,
    {
      output: run.stderr,
      remedy: `Run \`npm view ${source.package}\` on this machine as the daemon's user: it meets the same obstacle.`,
    },
  )
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** npm gives a list where several versions fit. */
const lastOf = (value: unknown) => (Array.isArray(value) ? value.at(-1) : value)
