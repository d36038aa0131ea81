import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AuditEntry, AuditPage } from '../../src/protocol/index.ts'
import type { TestHub } from './hub.ts'
import { until } from './wait.ts'

/** Returns up to 1000 entries of the audit log. */
export const auditPage = (hub: TestHub, query = '') =>
  hub.api<AuditPage>('GET', `/api/audit?limit=1000${query}`)

/** Waits for `count` entries of the audit log after the entry with number `after`. */
export const auditEntries = (hub: TestHub, after: number, count: number): Promise<AuditEntry[]> =>
  until(
    async () => {
      const { entries } = await auditPage(hub, `&after=${after}`)
      return entries.length >= count ? entries : undefined
    },
    { what: `${count} entries` },
  ) as Promise<AuditEntry[]>

/** Returns the parts of an entry that are the same in each run. */
export const inShort = ({ by, action, outcome, code, agent_id, machine_id }: AuditEntry) =>
  [by, action, outcome, code, agent_id, machine_id].map((part) => part ?? '-').join(' ')

/** Returns the paths of the audit log's files, oldest first. */
export const auditFiles = (hub: TestHub) =>
  readdirSync(join(hub.dir, 'audit'))
    .sort()
    .map((name) => join(hub.dir, 'audit', name))

/** Returns the text of the audit log on the disk. */
export const auditText = (hub: TestHub) =>
  auditFiles(hub)
    .map((path) => readFileSync(path, 'utf8'))
    .join('')
