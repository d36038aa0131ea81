import { UserError } from '../../platform/errors.ts'
import type { Addition, StoredAgent, StoredLine, WritableContents } from '../store/contents.ts'
import { damagedStore } from './damaged-store.ts'

/** Size and number of agents at which additions are stored, in bytes. */
const BATCH_BYTES = 4 * 1024 * 1024
const BATCH_AGENTS = 500

export interface Counts {
  agents: number
  /** Lines and records that could not be read, and were left out. */
  unreadable: number
  /** Agents that the source knows only by their histories. */
  withoutRecord: number
}

export interface CopyAgentsOptions {
  source: WritableContents
  target: WritableContents
  onProgress(done: { agents: number; bytes: number }): void
}

/** Copies all agents with their histories, or what the target lacks of them. @throws UserError */
export async function copyAgents({ source, target, onProgress }: CopyAgentsOptions): Promise<Counts> {
  const counts: Counts = { agents: 0, unreadable: 0, withoutRecord: 0 }
  // An earlier run has copied this part.
  let { bytes } = await target.size()
  const unreadable = () => counts.unreadable++
  const present = await keysOf(target)
  const batch = new Batch(target)
  for await (const agents of source.agents(damagedStore(source, unreadable)))
    for (const agent of agents) {
      const isPresent = present.delete(agent.key)
      for await (const lines of missingLines(source, target, agent, isPresent, unreadable)) {
        for (const line of lines.lines) bytes += line.bytes.length
        await batch.add(lines)
        onProgress({ agents: counts.agents, bytes })
      }
      await batch.add({ key: agent.key, have: 0, lines: [], record: agent.record })
      counts.agents++
      if (!agent.record) counts.withoutRecord++
      onProgress({ agents: counts.agents, bytes })
    }
  await batch.flush()
  // The hub of the source has removed these agents since an earlier run.
  for (const key of present) await target.removeAgent(key)
  return counts
}

/** Yields the lines that the target lacks. Removes a history that is not a beginning of the history in the source. */
async function* missingLines(
  source: WritableContents,
  target: WritableContents,
  { key }: StoredAgent,
  isPresent: boolean,
  unreadable: () => void,
): AsyncGenerator<Addition> {
  let last = isPresent ? await target.last(key) : undefined
  if (isPresent && !(last && (await hasLine(source, key, last)))) {
    await target.removeAgent(key)
    last = undefined
  }
  let have = last?.head.to ?? 0
  for await (const lines of source.lines(key, last?.head.from ?? -1, unreadable)) {
    for (const { head } of lines) {
      if (head.from < have) throw overlapping(source, key, head.from)
      have = head.to
    }
    yield { key, have: last?.head.to ?? 0, lines }
    last = lines.at(-1)
  }
}

async function hasLine(source: WritableContents, key: string, { head, bytes }: StoredLine): Promise<boolean> {
  for await (const [line] of source.lines(key, head.from - 1, () => {}))
    return line?.bytes.equals(bytes) ?? false
  return false
}

async function keysOf(store: WritableContents): Promise<Set<string>> {
  const keys = new Set<string>()
  for await (const agents of store.agents(() => {})) for (const { key } of agents) keys.add(key)
  return keys
}

/** Additions that are stored together, because each of them takes a round trip or a sync. */
class Batch {
  readonly #target: WritableContents
  readonly #additions = new Map<string, Addition>()
  #bytes = 0

  constructor(target: WritableContents) {
    this.#target = target
  }

  async add(addition: Addition): Promise<void> {
    const { key, lines, record } = addition
    const earlier = this.#additions.get(key)
    if (earlier) {
      earlier.lines = [...earlier.lines, ...lines]
      if (record) earlier.record = record
    } else this.#additions.set(key, { ...addition })
    for (const { bytes } of lines) this.#bytes += bytes.length
    if (this.#bytes >= BATCH_BYTES || this.#additions.size >= BATCH_AGENTS) await this.flush()
  }

  async flush(): Promise<void> {
    if (this.#additions.size > 0) await this.#target.add([...this.#additions.values()])
    this.#additions.clear()
    this.#bytes = 0
  }
}

const overlapping = ({ place }: WritableContents, key: string, from: number) =>
  new UserError('store_damaged', `${place}: the history of agent ${key} has offset ${from} twice.`, {
    remedy: 'Run `hub store check` to see all problems.',
  })
