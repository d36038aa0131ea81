import { mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import gt from 'semver/functions/gt.js'
import valid from 'semver/functions/valid.js'
import type { UpdateConfig } from '../../config/config.ts'
import { childEnvironment } from '../../config/environment.ts'
import { diskSpace } from '../../platform/disk.ts'
import { makeFolder, syncFolder } from '../../platform/files.ts'
import { awaitLock, LockHeldError, nameOf } from '../../platform/lock.ts'
import { VERSION } from '../../platform/version.ts'
import { asFailure, type Stage, UpdateFailure } from '../failure.ts'
import type { UpdateRecord } from '../record.ts'
import { confirmedVersions } from '../switch/confirmed.ts'
import { checkPlace } from '../switch/handover.ts'
import { copyPackage, installedProgram, lockPath, putBack, versionDir, workDir } from '../switch/place.ts'
import { packageName, type Target, targetAt } from '../switch/target.ts'
import { standInAt } from '../switch/trial.ts'
import { checkAuthentic, checkKeys, signaturesDemanded } from './authentic.ts'
import { checkDirection } from './direction.ts'
import { isNamed, ownAge } from './freshness.ts'
import type { Source } from './npm.ts'
import { registryOf } from './npmrc.ts'
import type { Release } from './package-facts.ts'
import { checkEngine, checkPackage, nodeVersion, prove, type Runner, versionOf } from './prove.ts'
import { fetchTarball } from './registry.ts'
import { findRelease, registryInUse } from './release.ts'
import { type Transport, transportOf } from './transport.ts'
import { checkIntegrity } from './verify.ts'

/** Copies of a package on the disk during an update: packed, unpacked, and the previous version. */
const COPIES = 3
const SPARE_BYTES = 16 * 1024 * 1024
const STAGING = '.stage-'
/** A trial takes minutes at most: a stand-in older than this belongs to a daemon that no longer exists. */
const ABANDONED_MS = 60 * 60_000

/** Settings of this machine about the source of new versions. */
export type Policy = Pick<UpdateConfig, 'package' | 'registry' | 'signatures'>

export interface PrepareOptions {
  target: Target
  /** Version of this program. */
  running: string
  /** The version or dist-tag that was asked for. */
  requested: string
  origin: UpdateRecord['origin']
  allowDowngrade: boolean
  policy: Policy & Pick<UpdateConfig, 'allow_downgrade' | 'allow_insecure' | 'max_age_days'>
  stateDir: string
  /** Command that runs the program: Node, or nothing for an executable. */
  runner: readonly string[]
  env: NodeJS.ProcessEnv
  signal: AbortSignal
  progress(stage: Stage, message: string): void
  /** Reports a problem that does not stop the update. */
  warn(message: string): void
  /** Called with the exact version that the registry has for the request. */
  onResolved(resolved: string): void
}

export type Prepared = { resolved: string; unlock(): void } & (
  | {
      /** `none` if the resolved version is running, `restart` if it is already installed. */
      change: 'none' | 'restart'
    }
  | {
      change: 'switch'
      /** Folder of the staged version. */
      nextDir: string
      /** Path of the previous version's program. */
      previous: string
    }
)

/**
 * Downloads a version, and proves that it runs here. The installed program stays unchanged, so that this may
 * be interrupted and repeated at any time.
 * @returns also `unlock`, which lets others update this installation
 * @throws UpdateFailure
 */
export async function prepare(options: PrepareOptions): Promise<Prepared> {
  const { target, running } = options
  const dir = workDir(target.layout, target.root)
  let stage: Stage = 'resolve'
  const progress = (reached: Stage, message: string) => {
    stage = reached
    options.progress(reached, message)
  }
  const unlock = await lock(dir, target, options)
  let staging: string | undefined
  try {
    clearStaging(dir)
    endAbandoned(target)
    staging = mkdtempSync(join(dir, STAGING))
    const runner: Runner = {
      runner: options.runner,
      env: childEnvironment(options.env),
      signal: options.signal,
    }
    if (target.entry !== target.previous_entry) checkPlace(target.root, options.stateDir, options.env)
    checkKeys(options.policy)
    progress('resolve', `${options.policy.package}@${options.requested}`)
    const transport = transportOf(options.policy, options.stateDir, options.warn)
    const source = await sourceOf(options, staging, transport)
    const release = await resolve(options, source, runner)
    const resolved = release.version
    if (resolved === running) {
      tell(options, isNamed(options, resolved) ? undefined : ownAge())
      return { resolved, unlock, change: 'none' }
    }
    if (resolved === (await versionOf(installedProgram(target), runner)))
      return { resolved, unlock, change: 'restart' }
    const nextDir = await fetch({ ...options, progress }, release, source, runner)
    transport.made()
    // Copied before the switch, so that a full disk is noticed while nothing has changed yet.
    const previous = target.previous ?? join(copyPackage(target.root), target.program)
    return { resolved, unlock, change: 'switch', nextDir, previous }
  } catch (error) {
    unlock()
    throw asFailure(error, stage)
  } finally {
    if (staging !== undefined) rmSync(staging, { recursive: true, force: true })
  }
}

export interface Look {
  /** Path used to start the program. */
  command: string
  requested: string
  policy: Policy
  stateDir: string
  env: NodeJS.ProcessEnv
  signal: AbortSignal
}

/** Looks up a version in the registry, and compares it with this program's. @throws UpdateFailure */
export async function look({ command, requested, policy, stateDir, env, signal }: Look) {
  const cwd = mkdtempSync(join(tmpdir(), 'fomular-update-'))
  try {
    const { package: name, registry } = policy
    // A lookup may go without TLS. Files that others can change are refused: they could have
    // variables sent to any host.
    const { checkFile } = transportOf({ allow_insecure: true }, stateDir, () => {})
    const source = await registryInUse({ package: packageName(name), registry, cwd, env, signal, checkFile })
    const { version: resolved, published } = await lookUp(requested, policy, source)
    const newer = gt(resolved, VERSION)
    const warning = newer || requested === resolved ? undefined : ownAge()
    return {
      installed: VERSION,
      available: resolved,
      newer,
      ...(warning !== undefined && { warning }),
      ...insteadOf(command, env),
      ...(published !== undefined && { published }),
    }
  } catch (error) {
    throw asFailure(error, 'resolve')
  } finally {
    rmSync(cwd, { recursive: true, force: true })
  }
}

/** Returns how to update a program that cannot be updated in place. */
function insteadOf(command: string, env: NodeJS.ProcessEnv): { instead?: string } {
  try {
    targetAt(command, env)
    return {}
  } catch (error) {
    const { remedy } = asFailure(error, 'resolve').error
    return remedy === undefined ? {} : { instead: remedy }
  }
}

/** Looks up a version or a dist-tag of the package for programs of this kind. @throws UpdateFailure */
async function lookUp(requested: string, policy: Policy, source: Omit<Source, 'package'>) {
  const main = await findRelease(requested, { ...source, package: policy.package })
  const own = packageName(policy.package)
  // The dist-tags of the main package apply to the packages of all systems.
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

async function sourceOf(
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

async function resolve(options: PrepareOptions, source: Source, runner: Runner): Promise<Release> {
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

/** @returns the folder of the staged version, which is proven to run */
async function fetch(
  options: PrepareOptions,
  release: Release,
  source: Source,
  runner: Runner,
): Promise<string> {
  const { target, progress, policy, stateDir, requested } = options
  const { version: resolved } = release
  progress('download', resolved)
  const tarball = await fetchTarball(release, join(source.cwd, 'package.tgz'), source)
  progress('verify', signaturesDemanded(policy) ? 'hash and signature' : 'hash')
  await checkIntegrity(tarball, release)
  progress('stage', target.root)
  const unpacked = join(source.cwd, 'package')
  // Loaded on demand: a daemon starts more often than it is updated.
  const { unpack } = await import('./unpack.ts')
  const files = await unpack(tarball, unpacked)
  checkPackage(unpacked, release, source.package)
  const { program } = target
  const wanted = { name: source.package, resolved, requested, named: isNamed(options, resolved) }
  tell(options, checkAuthentic({ ...wanted, dir: unpacked, files, program }, policy, stateDir))
  progress('prove', resolved)
  await prove({ ...runner, program: join(unpacked, program), version: resolved, stateDir })
  const nextDir = versionDir(target.layout, target.root, resolved)
  // Never the folder of the running version: an installed version is not downloaded.
  rmSync(nextDir, { recursive: true, force: true })
  renameSync(unpacked, nextDir)
  syncFolder(dirname(nextDir))
  return nextDir
}

function tell({ warn }: PrepareOptions, warning: string | undefined) {
  if (warning !== undefined) warn(warning)
}

async function lock(dir: string, { layout, root }: Target, { warn }: PrepareOptions) {
  try {
    makeFolder(dir)
    return await awaitLock(lockPath(layout, root), warn)
  } catch (error) {
    if (error instanceof LockHeldError)
      throw new UpdateFailure(
        'update_running',
        'resolve',
        `This installation is already being updated by ${nameOf(error.holder)}.`,
        { remedy: 'Wait until that update is done.' },
      )
    throw asFailure(error, 'resolve')
  }
}

function clearStaging(dir: string) {
  for (const name of readdirSync(dir))
    if (name.startsWith(STAGING)) rmSync(join(dir, name), { recursive: true, force: true })
}

/** Ends an abandoned trial, whose stand-in would be taken for the working version. */
function endAbandoned(target: Target) {
  const facts = standInAt(installedProgram(target))
  if (!facts) return
  if (Date.now() - facts.since < ABANDONED_MS)
    throw new UpdateFailure(
      'update_running',
      'resolve',
      'Another daemon of this installation has a version on trial.',
      { remedy: 'Wait until the trial is over.' },
    )
  putBack({ ...target, ...facts })
}
