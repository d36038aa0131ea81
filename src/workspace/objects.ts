import { type GitUser, git } from './git.ts'
import type { PlainRepository } from './plain-repository.ts'

/** Maximum size of a file whose content is compared or shown, in bytes. */
export const CONTENT_BYTES = 2 * 1024 * 1024
/** Maximum size of the contents that are read with one command, in bytes. */
const BATCH_BYTES = 16 * 1024 * 1024

/** Content of an object; `too_large` if it is larger than `CONTENT_BYTES`, `missing` if git does not have it. */
export type Content = Buffer | 'too_large' | 'missing'

/**
 * Reads objects of a repository.
 * @returns the contents by id. If they are too large together, some of the last ids are left out
 */
export async function contentsOf(
  { env }: PlainRepository,
  user: GitUser,
  ids: readonly string[],
): Promise<Map<string, Content>> {
  const found = new Map<string, Content>()
  if (ids.length === 0) return found
  const wanted = [...new Set(ids)]
  const input = (list: readonly string[]) => list.map((id) => `${id}\n`).join('')
  const sizes = await git(user, ['cat-file', '--batch-check'], { env, input: input(wanted) })
  const small: string[] = []
  let room = BATCH_BYTES
  for (const [at, line] of sizes.stdout.toString('latin1').trimEnd().split('\n').entries()) {
    const [, type, size] = line.split(' ')
    if (type !== 'blob') found.set(wanted[at]!, 'missing')
    else if (Number(size) > CONTENT_BYTES) found.set(wanted[at]!, 'too_large')
    else if (small.length > 0 && Number(size) > room) break
    else {
      small.push(wanted[at]!)
      room -= Number(size)
    }
  }
  const most = BATCH_BYTES + CONTENT_BYTES + small.length * 200
  const { stdout } = await git(user, ['cat-file', '--batch'], { env, input: input(small), most })
  let from = 0
  for (const id of small) {
    const end = stdout.indexOf(0x0a, from)
    const [, type, size] = stdout.toString('latin1', from, end).split(' ')
    if (type !== 'blob') break
    found.set(id, stdout.subarray(end + 1, end + 1 + Number(size)))
    from = end + 1 + Number(size) + 1
  }
  return found
}
