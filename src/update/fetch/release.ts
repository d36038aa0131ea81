import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import valid from 'semver/functions/valid.js'
import { VersionOrTag } from '../../protocol/index.ts'
import { UpdateFailure } from '../failure.ts'
import { findNpm, programOf, runNpm, type Source } from './npm.ts'
import { checkOurs } from './npm-files.ts'
import { registryOf } from './npmrc.ts'
import { Release } from './package-facts.ts'
import { fetchPackument } from './registry.ts'

/** Maximum length of an invalid version or dist-tag in a message, in characters. */
const SHOWN_CHARS = 64

/** Looks up an exact version or a dist-tag in the registry. @throws UpdateFailure */
export async function findRelease(requested: string, source: Source): Promise<Release> {
  const checked = VersionOrTag.safeParse(requested)
  if (!checked.success)
    throw new UpdateFailure(
      'update_version_not_found',
      'resolve',
      `${JSON.stringify(requested.slice(0, SHOWN_CHARS))} is neither a version nor a dist-tag.`,
      { remedy: 'Name an exact version, such as 1.2.3, or a dist-tag, such as latest.' },
    )
  const [facts, found] = await fetchPackument(requested, source)
  const release = Release.safeParse(found)
  // Accept no range of versions, although npm would.
  const tags = facts['dist-tags']
  const tagged = Object.hasOwn(tags, requested) ? tags[requested] : undefined
  const exact = valid(requested) === null ? tagged : requested
  if (!release.success || release.data.version !== exact) throw notFound(requested, source)
  const published = facts.time?.[release.data.version]
  return { ...release.data, ...(published !== undefined && { published }) }
}

/**
 * Adds facts that only npm knows: the paths of npm's settings files, and the registry that npm uses if this
 * program's settings name none.
 * @throws UpdateFailure if another user controls npm or its settings files
 */
export async function registryInUse(source: Source): Promise<Source> {
  const npm = findNpm(source.env)
  if (!npm) return source
  // Check these files here, because npm trusts them without a check.
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
    // npm does not print an address that contains a password. In that case, read the address from npm's
    // files.
    if (!ok) break
    const registry = stdout.trim()
    if (/^https?:/.test(registry)) return { ...source, env, registry }
  }
  return { ...source, env }
}

const notFound = (requested: string, source: Source) =>
  new UpdateFailure(
    'update_version_not_found',
    'resolve',
    `The registry has no version ${requested} of ${source.package}.`,
    {
      remedy: findNpm(source.env)
        ? `List its versions: npm view ${source.package} versions dist-tags`
        : 'Name another version; `fomular-daemon update --check` shows the newest.',
    },
  )
