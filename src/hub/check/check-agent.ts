import { isDeepStrictEqual } from 'node:util'
import type { AnyEvent } from '../../protocol/index.ts'
import type { Contents, Finding, StoredAgent, StoredLine } from '../store/contents.ts'
import { isAfter } from '../store/event-id.ts'
import { type LineHead, parseLine } from '../store/journal-line.ts'

/** Maximum number of findings about one agent. */
const FINDINGS = 1000

/** Checks the history of an agent, unless the agent is removed meanwhile. @returns its size, in bytes */
export async function checkAgent(
  store: Contents,
  agent: StoredAgent,
  found: (finding: Finding) => void,
): Promise<number> {
  const findings: Finding[] = []
  const bytes = await checkHistory(store, agent, (finding) => {
    if (findings.length < FINDINGS) findings.push(finding)
  })
  if (findings.length > 0 && (await store.hasAgent(agent.key))) for (const each of findings) found(each)
  return bytes
}

async function checkHistory(
  store: Contents,
  { key, end }: StoredAgent,
  found: (finding: Finding) => void,
): Promise<number> {
  const problem = (kind: Finding['kind'], message: string) =>
    found({ level: 'problem', kind, message: `Agent ${key}: ${message}.` })
  let last: LineHead | undefined
  let bytes = 0
  // Lines that are being added have no end in the table yet.
  const limit = end?.have ?? Infinity
  for await (const lines of store.lines(key, -1, (message) => problem('unreadable', message)))
    for (const line of lines) {
      if (line.head.from >= limit) continue
      checkPlace(line.head, last, (level, kind, message) =>
        found({ level, kind, message: `Agent ${key}: ${message}.` }),
      )
      checkEvents(line, problem)
      last = line.head
      bytes += line.bytes.length
    }
  if (end) checkEnd(end, { last, bytes }, problem)
  return bytes
}

function checkPlace(
  { from, to }: LineHead,
  last: LineHead | undefined,
  found: (level: Finding['level'], kind: Finding['kind'], message: string) => void,
) {
  if (to <= from) found('problem', 'offset', `the line at offset ${from} ends at ${to}`)
  if (!last) {
    if (from > 0)
      found('note', 'gap', `the history begins at offset ${from}; its machine had no earlier activity`)
    return
  }
  if (from > last.to) found('problem', 'gap', `activity from offset ${last.to} to ${from} is missing`)
  if (from < last.to)
    found(
      'problem',
      from === last.from ? 'double' : 'overlap',
      `the line at offset ${from} begins before ${last.to}, where the line before it ends`,
    )
}

function checkEvents(
  { head: { from, to }, bytes }: StoredLine,
  problem: (kind: Finding['kind'], message: string) => void,
) {
  const line = parseLine(bytes.toString('utf8'))
  if (!line) return problem('unreadable', `the line at offset ${from} cannot be read`)
  let last: AnyEvent | undefined
  for (const event of line.events) {
    if (event.offset < from || event.offset >= to)
      problem('offset', `the line from ${from} to ${to} has an event at offset ${event.offset}`)
    else if (last && !isAfter(event, last))
      problem(
        'double',
        `the line at offset ${from} has the event ${event.offset}.${event.index} twice, or late`,
      )
    last = event
  }
}

function checkEnd(
  end: NonNullable<StoredAgent['end']>,
  { last, bytes }: { last: LineHead | undefined; bytes: number },
  problem: (kind: Finding['kind'], message: string) => void,
) {
  const to = last?.to ?? 0
  if (to !== end.have) problem('offset', `the history ends at offset ${to} instead of ${end.have}`)
  else if (!isDeepStrictEqual(last, end.head)) problem('offset', 'the range of its last line is wrong')
  else if (bytes !== end.bytes) problem('offset', `the history has ${bytes} bytes instead of ${end.bytes}`)
}
