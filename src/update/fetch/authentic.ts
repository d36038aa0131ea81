import { readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { UpdateConfig } from '../../config/update-config.ts'
import { writeAtomic } from '../../platform/files.ts'
import { RELEASE_DATE, RELEASE_KEYS } from '../../platform/release.ts'
import { UpdateFailure } from '../failure.ts'
import { ranHere } from '../switch/confirmed.ts'
import { hasChunks } from '../switch/paths.ts'
import { checkFreshness } from './freshness.ts'
import { checkManifest, MANIFEST, type UnpackedFile } from './manifest.ts'

/** Maximum size of a manifest, a signature or a list of keys, in bytes. */
const READ_BYTES = 1024 * 1024
const PACKAGE_JSON = 'package.json'

export type Demands = Pick<UpdateConfig, 'signatures' | 'max_age_days'>

/**
 * Reports whether releases must be signed. By default, releases must be signed if this build has a key to
 * check signatures.
 */
export const signaturesDemanded = ({ signatures }: Pick<UpdateConfig, 'signatures'>) =>
  signatures ?? RELEASE_KEYS.length > 0

/**
 * Refuses every update if the settings require signatures, but this build has no key to check them.
 * @throws UpdateFailure
 */
export function checkKeys(demands: Demands) {
  if (!signaturesDemanded(demands) || RELEASE_KEYS.length > 0) return
  throw new UpdateFailure(
    'update_integrity',
    'resolve',
    'The settings of this machine require signed releases, but this build has no key to check signatures.',
    { remedy: 'Install a release build, which contains the key.' },
  )
}

interface Package {
  /** The folder with the unpacked files of the package. */
  dir: string
  files: ReadonlyMap<string, UnpackedFile>
  name: string
  resolved: string
  requested: string
  named: boolean
  /** Path of the program within the package. */
  program: string
}

/**
 * Checks the origin and the age of a package before any of its code runs. @returns a warning; undefined if
 * there is none
 * @throws UpdateFailure
 */
export function checkAuthentic(
  { dir, files, program, name, resolved, requested, named }: Package,
  demands: Demands,
  stateDir: string,
): string | undefined {
  if (!signaturesDemanded(demands))
    return RELEASE_KEYS.length > 0
      ? 'The signature of the update was not checked, because signatures is false under [update].'
      : undefined
  const sha256 = files.get(program)?.sha256
  // Releases from before the introduction of manifests have no manifest, and their program is a single file.
  const unsigned = !files.has(MANIFEST) && !hasChunks(files.keys(), program)
  if (unsigned && sha256 !== undefined && ranHere(stateDir, resolved, sha256)) {
    keepProgram(dir, files, program, { name, version: resolved })
    return undefined
  }
  const read = (path: string) => {
    const file = files.get(path)
    return file && file.size <= READ_BYTES ? readFileSync(join(dir, path)) : undefined
  }
  const { date } = checkManifest({ files, read }, { name, version: resolved }, RELEASE_KEYS)
  return checkFreshness(
    { resolved, requested, named, date, now: Date.now() },
    { runs: RELEASE_DATE, maxDays: demands.max_age_days },
  )
}

/** Removes all files but the program: the other files are not verified, and the program might load them. */
function keepProgram(
  dir: string,
  files: Package['files'],
  program: string,
  { name, version }: { name: string; version: string },
) {
  for (const path of files.keys()) if (path !== program) rmSync(join(dir, path))
  const put = (path: string, json: object) =>
    writeAtomic(join(dir, path), JSON.stringify(json), { mode: 0o644 })
  put(PACKAGE_JSON, { name, version, bin: { 'fomular-daemon': program } })
  // The package.json next to the program tells Node the program's module type.
  const kind = join(dirname(program), PACKAGE_JSON)
  if (files.has(kind)) put(kind, { type: 'commonjs' })
}
