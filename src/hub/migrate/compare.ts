import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { UserError } from '../../platform/errors.ts'
import { LIST_NAMES, type StoredAgent, type WritableContents } from '../store/contents.ts'
import type { CopyAgentsOptions } from './copy-agents.ts'
import { damagedStore } from './damaged-store.ts'
import { readList } from './read-list.ts'

/**
 * Compares everything in two stores, byte by byte.
 * @returns the size of the histories
 * @throws UserError if they differ
 */
export async function compare({ source, target, onProgress }: CopyAgentsOptions): Promise<number> {
  const copies = new Map<string, StoredAgent['record']>()
  for await (const agents of target.agents(damagedStore(target)))
    for (const { key, record } of agents) copies.set(key, record)
  const done = { agents: 0, bytes: 0 }
  for await (const agents of source.agents(damagedStore(source)))
    for (const { key, record } of agents) {
      const [ours, theirs] = [await digestOf(source, key), await digestOf(target, key)]
      const isSame = copies.has(key) && isDeepStrictEqual(record, copies.get(key))
      if (!isSame || ours.digest !== theirs.digest) {
        await target.removeAgent(key)
        throw different(target, `The agent ${key}`)
      }
      copies.delete(key)
      done.agents++
      done.bytes += ours.bytes
      onProgress(done)
    }
  for (const key of copies.keys()) throw different(target, `The agent ${key}`)
  for (const name of LIST_NAMES)
    if (!isDeepStrictEqual(sorted(await readList(source, name)), sorted(await readList(target, name))))
      throw different(target, `The list of ${name}`)
  if ((await auditDigest(source)) !== (await auditDigest(target))) throw different(target, 'The audit log')
  return done.bytes
}

async function digestOf(store: WritableContents, key: string): Promise<{ digest: string; bytes: number }> {
  const hash = createHash('sha256')
  let size = 0
  for await (const lines of store.lines(key, -1, () => {}))
    for (const { bytes } of lines) {
      hash.update(bytes).update('\n')
      size += bytes.length
    }
  return { digest: hash.digest('hex'), bytes: size }
}

async function auditDigest(store: WritableContents): Promise<string> {
  const hash = createHash('sha256')
  for await (const lines of store.audit()) for (const { n, line } of lines) hash.update(`${n} ${line}\n`)
  return hash.digest('hex')
}

/** Machines have no order. */
const sorted = (records: readonly object[]) =>
  'hostname' in (records[0] ?? {})
    ? [...records].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
    : records

const different = ({ place }: WritableContents, what: string) =>
  new UserError('copy_differs', `${what} in ${place} differs from the source.`, {
    remedy: 'Run the command again: it copies what differs.',
  })
