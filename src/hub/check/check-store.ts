import { type Contents, type Finding, LIST_NAMES } from '../store/contents.ts'
import { checkAgent } from './check-agent.ts'

/** Maximum number of findings that are kept. Further findings are only counted. */
const FINDINGS = 1000

export interface CheckProgress {
  agents: number
  bytes: number
  of: { agents: number; bytes: number }
}

export interface CheckResult {
  store: string
  agents: number
  /** Size of the histories. */
  bytes: number
  problems: number
  notes: number
  /** The first problems and notes. */
  findings: Finding[]
}

/** Returns the problems of a store. Reads the whole store, and changes nothing. The hub may be running. */
export async function checkStore(
  store: Contents,
  onProgress: (progress: CheckProgress) => void,
): Promise<CheckResult> {
  const result: CheckResult = {
    store: store.place,
    agents: 0,
    bytes: 0,
    problems: 0,
    notes: 0,
    findings: [],
  }
  const found = (finding: Finding) => {
    if (finding.level === 'problem') result.problems++
    else result.notes++
    if (result.findings.length < FINDINGS) result.findings.push(finding)
  }
  const unreadable = (problem: string) =>
    found({ level: 'problem', kind: 'unreadable', message: `It is damaged: ${problem}.` })
  for (const finding of await store.findings()) found(finding)
  await checkMigration(store, found)
  const of = await store.size()
  const agents = new Map<string, string>()
  const machines = new Set<string>()
  for await (const batch of store.agents(unreadable))
    for (const agent of batch) {
      const { key, record } = agent
      if (record) {
        const name = JSON.stringify([record.machine_id, record.agent_id])
        const other = agents.get(name)
        if (other !== undefined)
          found({ level: 'problem', kind: 'double', message: `${other} and ${key} are the same agent.` })
        agents.set(name, key)
        machines.add(record.machine_id)
      } else found({ level: 'problem', kind: 'orphan', message: `The history ${key} belongs to no agent.` })
      result.bytes += await checkAgent(store, agent, found)
      result.agents++
      onProgress({ agents: result.agents, bytes: result.bytes, of })
    }
  for (const name of LIST_NAMES) {
    const records = await store.list(name, unreadable)
    if (name !== 'machines') continue
    // Machines are read after agents, because a running hub knows a machine before its agents.
    for (const record of records) if ('hostname' in record) machines.delete(record.machine_id)
    for (const id of machines)
      found({ level: 'problem', kind: 'orphan', message: `There are agents of the unknown machine ${id}.` })
  }
  await checkAudit(store, found)
  return result
}

async function checkMigration(store: Contents, found: (finding: Finding) => void): Promise<void> {
  const record = await store.migration()
  if (record?.state === 'copying')
    found({
      level: 'problem',
      kind: 'migration',
      message: `The copy of the data from ${record.other} is not complete.`,
    })
  if (record?.role === 'source')
    found({
      level: 'note',
      kind: 'migration',
      message: `The data was copied to ${record.other} at ${record.at}.`,
    })
}

async function checkAudit(store: Contents, found: (finding: Finding) => void): Promise<void> {
  let last: number | undefined
  for await (const lines of store.audit())
    for (const { n, line } of lines) {
      if (last !== undefined && n > last + 1)
        found({
          level: 'problem',
          kind: 'gap',
          message: `Lines ${last + 1} to ${n - 1} of the audit log are missing.`,
        })
      if (last !== undefined && n <= last)
        found({ level: 'problem', kind: 'double', message: `Line ${n} of the audit log exists twice.` })
      if (!isJson(line))
        found({ level: 'problem', kind: 'unreadable', message: `Line ${n} of the audit log cannot be read.` })
      last = n
    }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
