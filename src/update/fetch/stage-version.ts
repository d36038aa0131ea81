import { renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { syncFolder } from '../../platform/files.ts'
import { versionDir } from '../switch/paths.ts'
import { checkAuthentic, signaturesDemanded } from './authentic.ts'
import { isNamed } from './freshness.ts'
import type { Source } from './npm.ts'
import type { Release } from './package-facts.ts'
import type { PrepareOptions } from './prepare-options.ts'
import { checkPackage, prove, type Runner } from './prove.ts'
import { fetchTarball } from './registry.ts'
import { checkIntegrity } from './verify.ts'

/**
 * Fetches a release, checks that it is authentic and runs on this machine, and puts it into the folder for
 * its version.
 * @returns that folder
 * @throws UpdateFailure
 */
export async function stageVersion(
  options: PrepareOptions,
  release: Release,
  source: Source,
  runner: Runner,
): Promise<string> {
  const { target, progress, policy, stateDir, requested, warn } = options
  const { version: resolved } = release
  progress('download', resolved)
  const tarball = await fetchTarball(release, join(source.cwd, 'package.tgz'), source)
  progress('verify', signaturesDemanded(policy) ? 'hash and signature' : 'hash')
  await checkIntegrity(tarball, release)
  progress('stage', target.root)
  const unpacked = join(source.cwd, 'package')
  // Load this module on demand, because a daemon starts more often than it is updated.
  const { unpack } = await import('./unpack.ts')
  const files = await unpack(tarball, unpacked)
  checkPackage(unpacked, release, source.package)
  const { program } = target
  const wanted = { name: source.package, resolved, requested, named: isNamed(options, resolved) }
  const warning = checkAuthentic({ ...wanted, dir: unpacked, files, program }, policy, stateDir)
  if (warning !== undefined) warn(warning)
  progress('prove', resolved)
  await prove({ ...runner, program: join(unpacked, program), version: resolved, stateDir })
  const nextDir = versionDir(target.layout, target.root, resolved)
  // This is never the folder of the running version, because an installed version is not downloaded.
  rmSync(nextDir, { recursive: true, force: true })
  renameSync(unpacked, nextDir)
  syncFolder(dirname(nextDir))
  return nextDir
}
