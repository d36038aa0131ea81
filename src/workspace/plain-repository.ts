import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { orUndefined } from '../platform/or-undefined.ts'
import { type GitUser, git, QUICK_MS, WITHOUT_SETTINGS } from './git.ts'
import type { Repository } from './repository.ts'

/**
 * Settings that change which files git considers changed, with their permitted values. All other settings of
 * the repository and the user are ignored, because many of them name programs.
 */
const SETTINGS: Record<string, RegExp> = {
  'core.filemode': /^(true|false)$/,
  'core.symlinks': /^(true|false)$/,
  'core.ignorecase': /^(true|false)$/,
  'core.precomposeunicode': /^(true|false)$/,
  'core.autocrlf': /^(true|false|input)$/,
  'core.eol': /^(lf|crlf|native)$/,
  'core.checkstat': /^(default|minimal)$/,
  'core.trustctime': /^(true|false)$/,
  'core.excludesfile': /^[^\n\0]{1,4096}$/,
  'extensions.objectformat': /^(sha1|sha256)$/,
}

/** Files of a repository that say which files git ignores and how it compares lines. */
const KEPT_FILES = ['exclude', 'attributes']

/** A repository without settings that run programs, with the objects and the index of another repository. */
export interface PlainRepository {
  /** Variables with which git uses the repository. */
  env: Record<string, string>
  /** Folder of the repository. */
  dir: string
  close(): void
}

/**
 * Creates a repository for reading another one. Git never reads the other repository's configuration there,
 * so neither its hooks, filters, monitors, and drivers, nor any setting of a later version can run a program,
 * even if an agent changes the configuration at the same time.
 * @param head commit that counts as checked out; undefined for none
 * @throws WorkspaceFailure
 */
export async function plainRepository(
  repository: Repository,
  user: GitUser,
  head: string | undefined,
): Promise<PlainRepository> {
  const { top, gitDir, commonDir } = repository
  const settings = await settingsOf(repository, user)
  const dir = mkdtempSync(join(user.scratch, 'repository-'))
  const close = () => rmSync(dir, { recursive: true, force: true })
  try {
    for (const name of ['info', 'refs', 'objects']) mkdirSync(join(dir, name))
    writeFileSync(join(dir, 'HEAD'), head === undefined ? 'ref: refs/heads/none\n' : `${head}\n`)
    writeFileSync(join(dir, 'config'), configOf(settings))
    for (const name of KEPT_FILES) {
      const kept = join(commonDir, 'info', name)
      if (!isSpecial(kept)) symlinkSync(kept, join(dir, 'info', name))
    }
    // An index may continue a file with most of its entries.
    for (const name of orUndefined(() => readdirSync(gitDir)) ?? [])
      if (/^sharedindex\.[0-9a-f]+$/.test(name)) symlinkSync(join(gitDir, name), join(dir, name))
    // The agent's user must be able to read the files, but not to change them.
    chmodSync(dir, 0o755)
  } catch (error) {
    close()
    throw error
  }
  const env = {
    GIT_DIR: dir,
    GIT_WORK_TREE: top,
    GIT_OBJECT_DIRECTORY: join(commonDir, 'objects'),
    GIT_INDEX_FILE: join(gitDir, 'index'),
    // Earlier versions of git do not know the variables below, and would read the user's settings.
    HOME: dir,
    ...WITHOUT_SETTINGS,
  }
  return { env, dir, close }
}

/**
 * Reports whether something is neither a file nor missing. Git would wait for a pipe. An agent can still make it
 * wait, for example with a pipe `.gitignore`, so each command of git has a time limit.
 */
const isSpecial = (path: string) => orUndefined(() => statSync(path).isFile()) === false

/** Reads settings. This runs no program. */
async function settingsOf({ gitDir }: Repository, user: GitUser): Promise<Map<string, string>> {
  const pattern = `^(${Object.keys(SETTINGS).join('|').replaceAll('.', '\\.')})$`
  const { stdout } = await git(user, ['config', '--null', '--type=path', '--get-regexp', pattern], {
    env: { GIT_DIR: gitDir },
    ms: QUICK_MS,
  })
  const settings = new Map([['core.excludesfile', join(user.home, '.config/git/ignore')]])
  for (const entry of stdout.toString().split('\0')) {
    // A name without a value is true.
    const [name = '', value = 'true'] = entry.split(/\n(.*)/s)
    if (SETTINGS[name]?.test(value)) settings.set(name, value)
  }
  if (isSpecial(settings.get('core.excludesfile')!)) settings.set('core.excludesfile', '/dev/null')
  return settings
}

function configOf(settings: Map<string, string>): string {
  const format = settings.get('extensions.objectformat') === 'sha256' ? 1 : 0
  const all = new Map([['core.repositoryformatversion', String(format)], ['core.bare', 'false'], ...settings])
  if (format === 0) all.delete('extensions.objectformat')
  return [...all]
    .map(([name, value]) => {
      const [section, key] = name.split('.')
      return `[${section}]\n\t${key} = "${value.replace(/[\\"]/g, '\\$&')}"\n`
    })
    .join('')
}
