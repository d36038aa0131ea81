import type { WorkspaceFile } from '../protocol/index.ts'
import { WorkspaceFailure } from './failure.ts'
import { git } from './git.ts'
import { isBinary } from './hunks.ts'
import type { Place } from './place.ts'
import { rawPath } from './place.ts'
import { plainRepository } from './plain-repository.ts'
import { findRepository } from './repository.ts'

/** Maximum size of a file whose lines are read, in bytes. */
const FILE_BYTES = 8 * 1024 * 1024
/** Maximum number of characters in an answer. */
const ANSWER_CHARS = 512 * 1024

export interface FileLinesOptions {
  path: string
  from_line: number
  lines: number
  /** Removes secrets from a text. */
  redacted(part: { text: string }): { text: string }
}

/** Returns lines of a file in an agent's folder. @throws WorkspaceFailure */
export async function fileLines(place: Place, options: FileLinesOptions): Promise<WorkspaceFile> {
  const { path } = options
  await checkShown(place, path)
  const found = place.read(rawPath(path), FILE_BYTES)
  if (found === undefined || found === 'forbidden' || found.kind === 'other')
    throw new WorkspaceFailure(
      'file_not_found',
      `The folder ${place.named} has no readable file ${path}.`,
      'Name a file of the folder; links to other folders are not followed.',
    )
  const { size, kind, content } = found
  if (!content)
    throw new WorkspaceFailure(
      'file_refused',
      `The file ${path} has more than ${FILE_BYTES} bytes.`,
      'Read the file on the machine.',
    )
  const about = {
    folder: place.named,
    path,
    size_bytes: size,
    ...(kind === 'link' && { kind }),
  }
  if (isBinary(content)) return { ...about, binary: true, from_line: 1, total_lines: 0, text: '' }
  return { ...about, ...linesIn(options.redacted({ text: content.toString() }).text, options) }
}

/**
 * Refuses files that git ignores, because such files often contain secrets, and files of the repository
 * itself.
 * @throws WorkspaceFailure
 */
async function checkShown(place: Place, path: string) {
  const refused = (why: string) =>
    new WorkspaceFailure('file_refused', `The file ${path} is not shown: ${why}.`, 'Ask the agent about it.')
  if (place.isHidden(rawPath(path))) throw refused('it belongs to the daemon')
  const repository = findRepository(place.folder.real)
  if (repository === undefined || repository === 'elsewhere')
    throw new WorkspaceFailure(
      'not_a_repository',
      `The folder ${place.named} is not in its own git repository.`,
      'Files are shown only from git repositories: run `git init` in the folder.',
    )
  const prefix = place.prefixIn(repository)
  const inTree = prefix === '' ? path : `${prefix}/${path}`
  if (inTree.split('/').some((name) => name.toLowerCase() === '.git')) throw refused('it is a part of git')
  const plain = await plainRepository(repository, place.user, undefined)
  try {
    const { stdout } = await git(
      place.user,
      ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--', inTree],
      { env: plain.env, cwd: repository.top },
    )
    if (!stdout.toString().split('\0').includes(inTree)) throw refused('git ignores it, or it does not exist')
  } finally {
    plain.close()
  }
}

function linesIn(text: string, { from_line, lines }: FileLinesOptions) {
  const all = text === '' ? [] : text.replace(/\n$/, '').split('\n')
  const shown: string[] = []
  let chars = 0
  for (const line of all.slice(from_line - 1, from_line - 1 + lines)) {
    if (shown.length > 0 && chars + line.length > ANSWER_CHARS) break
    shown.push(line.slice(0, ANSWER_CHARS))
    chars += line.length + 1
  }
  const next = from_line + shown.length
  return {
    from_line,
    total_lines: all.length,
    text: shown.join('\n'),
    ...(shown.length > 0 && next <= all.length && { next_line: next }),
  }
}
