import valid from 'semver/functions/valid.js'
import { UpdateFailure } from '../failure.ts'
import { packageName } from '../switch/target.ts'
import type { Source } from './npm.ts'
import type { Release } from './package-facts.ts'
import type { Policy } from './prepare-options.ts'
import { findRelease } from './release.ts'

/**
 * Looks up a version or a dist-tag of the package from which this program updates itself. @throws
 * UpdateFailure
 */
export async function lookUp(
  requested: string,
  policy: Policy,
  source: Omit<Source, 'package'>,
): Promise<Release> {
  const main = await findRelease(requested, { ...source, package: policy.package })
  const own = packageName(policy.package)
  // The dist-tags of the main package also apply to the packages of the executables.
  const release = own === policy.package ? main : await findRelease(main.version, { ...source, package: own })
  if (valid(release.version) !== release.version || release.name !== own)
    throw new UpdateFailure(
      'update_wrong_package',
      'resolve',
      `The registry answered the request for ${own}@${requested} with ${release.name}@${release.version}.`,
      { remedy: 'Check registry and package under [update] in the configuration file.' },
    )
  return { ...release, published: main.published }
}
