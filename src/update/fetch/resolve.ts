import { diskSpace } from '../../platform/disk.ts'
import { UpdateFailure } from '../failure.ts'
import { confirmedVersions } from '../switch/confirmed.ts'
import { packageName } from '../switch/target.ts'
import { checkDirection } from './direction.ts'
import { lookUp } from './look-up.ts'
import type { Source } from './npm.ts'
import { registryOf } from './npmrc.ts'
import type { Release } from './package-facts.ts'
import type { PrepareOptions } from './prepare-options.ts'
import { checkEngine, nodeVersion, type Runner } from './prove.ts'
import { registryInUse } from './release.ts'
import type { Transport } from './transport.ts'

/**
 * Number of copies of a package on the disk during an update: the packed file, the unpacked files, and the
 * previous version.
 */
const COPIES = 3
const SPARE_BYTES = 16 * 1024 * 1024

/**
 * Returns the registry of an update, with the settings to reach it.
 * @param cwd folder for the files of this update
 * @throws UpdateFailure if this machine's settings do not allow that registry
 */
export async function sourceOf(
  { policy, env, signal }: PrepareOptions,
  cwd: string,
  { check, checkFile }: Transport,
): Promise<Source> {
  const { package: name, registry } = policy
  const source = await registryInUse({
    package: packageName(name),
    registry,
    cwd,
    env,
    signal,
    check,
    checkFile,
  })
  check(registryOf(source).url)
  return source
}

/**
 * Finds the requested release. Refuses a downgrade that is not allowed, and a release that cannot run on this
 * machine.
 * @throws UpdateFailure
 */
export async function resolve(options: PrepareOptions, source: Source, runner: Runner): Promise<Release> {
  const { requested, running, allowDowngrade, origin, policy, target, stateDir } = options
  const release = await lookUp(requested, policy, source)
  const { version: resolved, dist } = release
  options.onResolved(resolved)
  checkDirection(
    { running, resolved, requested, origin, allowDowngrade },
    {
      allow_downgrade: policy.allow_downgrade,
      confirmed: confirmedVersions(stateDir).map((confirmed) => confirmed.version),
    },
  )
  if (resolved === running) return release
  checkEngine(release, await nodeVersion(runner))
  const { unpackedSize = 0 } = dist
  const needed = COPIES * unpackedSize + SPARE_BYTES
  const { available_bytes } = diskSpace(source.cwd)
  if (available_bytes < needed)
    throw new UpdateFailure(
      'update_disk_full',
      'resolve',
      `The disk with ${target.root} has ${available_bytes} bytes left; this update needs ${needed}.`,
      { remedy: 'Free space on the disk.' },
    )
  return release
}
