import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod/mini'
import { UpdateFailure } from './failure.ts'
import { findNpm, type NpmOptions, type NpmRun, runNpm } from './npm.ts'
import { fetchPackument, fetchTarball } from './registry.ts'

/** A version as the registry has it. */
export const Release = z.object({
  name: z.string(),
  version: z.string(),
  dist: z.object({
    integrity: z.string(),
    tarball: z.string(),
    unpackedSize: z.optional(z.number()),
  }),
  engines: z.optional(z.object({ node: z.optional(z.string()) })),
})
export type Release = z.infer<typeof Release>

/** Where versions come from. */
export type Source = NpmOptions

/** What the registry has under an exact version or a dist-tag. @throws UpdateFailure */
export async function findRelease(spec: string, source: Source): Promise<Release> {
  const npm = findNpm(source.env)
  if (!npm) return fetchPackument(spec, source)
  const run = await runNpm(npm, ['view', `${source.package}@${spec}`, '--json'], source)
  if (run.code !== 0) throw npmFailure(run, spec, source, 'resolve')
  const parsed = Release.safeParse(lastOf(parseJson(run.stdout)))
  if (parsed.success) return parsed.data
  throw new UpdateFailure(
    'update_version_not_found',
    'resolve',
    `The registry has no version ${spec} of ${source.package}.`,
    { output: run.stdout },
  )
}

/** Fetches a release's package into a folder. @returns the file @throws UpdateFailure */
export async function download(release: Release, dir: string, source: Source): Promise<string> {
  const npm = findNpm(source.env)
  if (!npm) return fetchTarball(release, join(dir, 'package.tgz'), source)
  const spec = `${source.package}@${release.version}`
  const run = await runNpm(npm, ['pack', spec, '--pack-destination', dir], source)
  const file = readdirSync(dir).find((name) => name.endsWith('.tgz'))
  if (run.code !== 0 || file === undefined) throw npmFailure(run, release.version, source, 'download')
  return join(dir, file)
}

function npmFailure(run: NpmRun, spec: string, source: Source, stage: 'resolve' | 'download'): UpdateFailure {
  const output = `${run.stderr}\n${run.stdout}`
  const because = { output }
  if (source.signal.aborted)
    return new UpdateFailure('update_interrupted', stage, 'The daemon was told to stop.', because)
  if (/\b(ENOSPC|EDQUOT)\b/.test(output))
    return new UpdateFailure('update_disk_full', stage, 'The disk is full.', {
      ...because,
      remedy: 'Make room on it.',
    })
  if (/\bEINTEGRITY\b/.test(output))
    return new UpdateFailure(
      'update_integrity',
      'verify',
      `What the registry delivers as ${spec} is not what it promises.`,
      because,
    )
  if (/\b(E404|ETARGET|ENOVERSIONS)\b/.test(output))
    return new UpdateFailure(
      'update_version_not_found',
      stage,
      `The registry has no version ${spec} of ${source.package}.`,
      because,
    )
  return new UpdateFailure(
    'update_registry_unreachable',
    stage,
    `npm could not get ${source.package}@${spec} from the registry.`,
    {
      ...because,
      remedy:
        'See what npm says; `npm view` on this machine, as the user of the daemon, meets the same obstacle.',
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

/** npm gives a list where several versions fit; the last is the newest. */
const lastOf = (value: unknown) => (Array.isArray(value) ? value.at(-1) : value)
