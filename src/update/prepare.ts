import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { compare, valid } from 'semver'
import { childEnvironment } from '../config/environment.ts'
import { homeOf } from '../config/paths.ts'
import { diskSpace } from '../platform/disk.ts'
import { acquireLock, LockHeldError } from '../platform/lock.ts'
import { type Stage, UpdateFailure } from './failure.ts'
import { isWritable, type Layout } from './layout.ts'
import { entryOf, lockPath, versionDir, workDir } from './place.ts'
import { checkEngine, checkPackage, prove } from './prove.ts'
import type { Trial } from './record.ts'
import { download, findRelease, type Release } from './release.ts'
import { checkIntegrity, diskFailure, unpack } from './unpack.ts'

/** A package is on the disk up to three times meanwhile: packed, unpacked, and the previous version's copy. */
const COPIES = 3
const SPARE_BYTES = 16 * 1024 * 1024
const STAGING = '.tmp-'

/** Where a version goes. */
export type Target = Pick<Trial, 'mode' | 'root' | 'program' | 'entry' | 'previous_entry'> & {
  /** The version that runs, where it stays as it is; otherwise it is copied. */
  previous: string | undefined
}

/** What an update of an installation like this changes. @throws UpdateFailure for one that cannot be updated in place */
export function targetOf(
  layout: Layout,
  { version, env }: { version: string; env: NodeJS.ProcessEnv },
): Target {
  const { kind, root } = layout
  const refuse = (message: string, remedy: string) =>
    new UpdateFailure('update_refused', 'resolve', message, { remedy })
  switch (kind) {
    case 'global': {
      const { program } = layout
      const entry = entryOf('global', root, program)
      if (isWritable(root)) {
        const own = { mode: 'global', root, program, entry, previous_entry: entry } as const
        return { ...own, previous: undefined }
      }
      const prefix = join(homeOf(env), '.fomular')
      return {
        mode: 'user-prefix',
        root: prefix,
        program,
        entry: entryOf('user-prefix', prefix, program),
        previous_entry: join(root, program),
        previous: root,
      }
    }
    case 'prefix': {
      const { program } = layout
      if (!isWritable(root))
        throw refuse(`${root} cannot be written by this user.`, 'Update as the user it belongs to.')
      const entry = entryOf('user-prefix', root, program)
      const previous = versionDir('user-prefix', root, version)
      return { mode: 'user-prefix', root, program, entry, previous_entry: entry, previous }
    }
    case 'npx':
      throw refuse(
        'This daemon runs from the cache of npx: there is nothing to update in place.',
        'Start it with `npx` and the newer version, or install it: npm install -g.',
      )
    case 'source':
      throw refuse(
        `This daemon runs from a checkout of its sources, ${root}.`,
        'Update that with git, and build it.',
      )
    case 'project':
      throw refuse(
        `This daemon belongs to a project or to another package manager (${root}).`,
        'Update it there.',
      )
    case 'unknown':
      throw refuse(
        `How this daemon was installed (${root}) is not known.`,
        'Install it with `npm install -g`, which can be updated in place.',
      )
  }
}

export interface PrepareOptions {
  target: Target
  /** The version that runs. */
  from: string
  requested: string
  allowDowngrade: boolean
  policy: { package: string; registry?: string | undefined }
  stateDir: string
  env: NodeJS.ProcessEnv
  signal: AbortSignal
  progress(stage: Stage, message?: string): void
  /** Told the exact version as soon as it is known. */
  resolved(version: string): void
}

export interface Prepared {
  /** undefined: it is the version that runs. */
  version: string
  /** Folders with the next and the previous version; undefined when there is nothing to do. */
  staged: { next: string; previous: string } | undefined
}

/**
 * Gets a version, and proves that it runs here. Nothing that anybody starts has changed when this is done: it may end at
 * any moment, and be begun again.
 * @returns also a function that lets others update this installation
 * @throws UpdateFailure
 */
export async function prepare(options: PrepareOptions): Promise<Prepared & { unlock: () => void }> {
  const { mode, root } = options.target
  const dir = workDir(mode, root)
  mkdirSync(dir, { recursive: true })
  const unlock = lock(lockPath(mode, root))
  for (const name of readdirSync(dir))
    if (name.startsWith(STAGING)) rmSync(join(dir, name), { recursive: true, force: true })
  let staging: string | undefined
  try {
    staging = mkdtempSync(join(dir, STAGING))
    const release = await resolve(options, staging)
    const { version } = release
    if (version === options.from) return { version, staged: undefined, unlock }
    const next = await stage(options, release, staging)
    const previous = options.target.previous ?? versionDir(mode, root, options.from)
    return { version, staged: { next, previous }, unlock }
  } catch (error) {
    unlock()
    throw diskFailure(error)
  } finally {
    if (staging !== undefined) rmSync(staging, { recursive: true, force: true })
  }
}

const sourceOf = ({ policy, env, signal }: PrepareOptions, cwd: string) => ({ ...policy, cwd, env, signal })

async function resolve(options: PrepareOptions, staging: string): Promise<Release> {
  const { requested, from, allowDowngrade, progress, policy } = options
  progress('resolve', `${policy.package}@${requested}`)
  const release = await findRelease(requested, sourceOf(options, staging))
  if (valid(release.version) !== release.version)
    throw new UpdateFailure('update_wrong_package', 'resolve', `${release.version} is no version.`)
  options.resolved(release.version)
  if (compare(release.version, from) < 0 && !allowDowngrade)
    throw new UpdateFailure(
      'update_downgrade',
      'resolve',
      `${release.version} is older than ${from}, which runs.`,
      { remedy: 'Allow a downgrade, if that is what you want.' },
    )
  if (release.version === from) return release
  checkEngine(release)
  const { unpackedSize } = release.dist
  const { available_bytes } = diskSpace(staging)
  if (unpackedSize !== undefined && available_bytes < COPIES * unpackedSize + SPARE_BYTES)
    throw new UpdateFailure(
      'update_disk_full',
      'resolve',
      `There are ${available_bytes} bytes left on the disk with ${options.target.root}; this update needs ${COPIES * unpackedSize + SPARE_BYTES}.`,
      { remedy: 'Make room on it.' },
    )
  return release
}

/** @returns the folder with the version, proven */
async function stage(options: PrepareOptions, release: Release, staging: string): Promise<string> {
  const { target, progress, policy, stateDir, env, signal } = options
  const { version } = release
  progress('download', version)
  const file = await download(release, staging, sourceOf(options, staging))
  progress('verify', version)
  const tarball = readFileSync(file)
  checkIntegrity(tarball, release.dist.integrity)
  progress('stage', version)
  const unpacked = join(staging, 'package')
  await unpack(tarball, unpacked)
  checkPackage(unpacked, release, policy.package)
  progress('prove', version)
  await prove({
    runner: [process.execPath],
    program: join(unpacked, target.program),
    version,
    stateDir,
    env: childEnvironment(env),
    signal,
  })
  const next = versionDir(target.mode, target.root, version)
  rmSync(next, { recursive: true, force: true })
  renameSync(unpacked, next)
  return next
}

function lock(path: string) {
  try {
    return acquireLock(path)
  } catch (error) {
    if (!(error instanceof LockHeldError)) throw diskFailure(error)
    throw new UpdateFailure(
      'update_running',
      'resolve',
      `This installation is being updated already, by process ${error.holder.pid}.`,
    )
  }
}
