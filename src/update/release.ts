import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { valid } from 'semver'
import { VersionOrTag } from '../protocol/index.ts'
import { UpdateFailure } from './failure.ts'
import { findNpm, programOf, runNpm, type Source } from './npm.ts'
import { checkOurs } from './npm-files.ts'
import { registryOf } from './npmrc.ts'
import { Release } from './package-facts.ts'
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
  const [facts, found] = await fetchPackument(spec, source)
  const release = Release.safeParse(found)
  // npm would take a range as well.
  const tags = facts['dist-tags']
  const tagged = Object.hasOwn(tags, spec) ? tags[spec] : undefined
  const exact = valid(spec) === null ? tagged : spec
  if (!release.success || release.data.version !== exact) throw notFound(spec, source)
  const published = facts.time?.[release.data.version]
  return { ...release.data, ...(published !== undefined && { published }) }
}

/**
 * Adds what npm alone knows: which files its settings are in, and which registry it asks where none is set here.
 * @throws UpdateFailure where another user decides that
 */
export async function registryInUse(source: Source): Promise<Source> {
  const npm = findNpm(source.env)
  if (!npm) return source
  // npm believes them without a look.
  for (const path of [programOf(npm), join(dirname(programOf(npm)), '../npmrc')])
    if (existsSync(path)) checkOurs(path, source)
  registryOf(source)
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
