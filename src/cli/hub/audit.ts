import { Command, InvalidArgumentError } from 'commander'
import type { AuditFilter } from '../../client/hub-answers.ts'
import type { HubClient } from '../../client/hub-client.ts'
import type { AuditPage } from '../../protocol/index.ts'
import { connectHub, type HubOptions, JSON_OUTPUT, numeric, withHub } from '../options.ts'
import { note, print, printJson } from '../terminal.ts'

/** Interval between requests while following the log, in ms. */
const LOOK_MS = 1000
/** Maximum number of entries per request, set by the hub. */
const PAGE = 1000

const HELP = `
The hub records one line before it carries out an action, and another line for the outcome. A
line has the time (in UTC), the key, the address, the action, and its target. The command requires an admin
key.

Examples:
  $ fomular-daemon hub audit
  $ fomular-daemon hub audit --by alice --agent fix-tests
  $ fomular-daemon hub audit --follow --json | jq 'select(.outcome == "refused")'`

interface AuditOptions extends HubOptions {
  by?: string
  action?: string
  agent?: string
  outcome?: string
  lines: number
  follow?: boolean
}

export const auditCommand = (): Command =>
  withHub(
    new Command('audit')
      .description('show the actions of people and programs, and the outcomes')
      .option('--by <name>', 'only actions of the key with this name')
      .option('--action <name>', 'only this action, such as agent:start or key:create')
      .option('--agent <id>', 'only entries about this agent')
      .option('--machine <machine>', 'only entries about this machine')
      .option('--outcome <outcome>', 'only this outcome: ordered, succeeded, failed, refused or repeated')
      .option('-n, --lines <count>', 'number of entries to show', lineCount, 100)
      .option('-f, --follow', 'keep printing new entries')
      .addHelpText('after', HELP)
      .action(audit),
    JSON_OUTPUT.lines,
  )

async function audit({ json, by, action, agent, machine, outcome, lines, follow, ...flags }: AuditOptions) {
  const client = await connectHub(flags)
  const [{ auditLine }, { sleep }, { machineIdOf }] = await Promise.all([
    import('../render/audit.ts'),
    import('../../platform/clock.ts'),
    import('../client/machine-id.ts'),
  ])
  const machine_id = machine === undefined ? undefined : machineIdOf(await client.machines(), machine)
  const filter = { by, action, agent_id: agent, machine_id, outcome }
  const whole = Object.values(filter).every((value) => value === undefined)
  let page = await newest(client, filter, lines)
  if (page.entries.length < lines && page.first > 1)
    note(`! ${page.first - 1} earlier entries are no longer kept.`)
  let last: number | undefined
  for (;;) {
    for (const entry of page.entries) {
      if (whole && last !== undefined && entry.n !== last + 1)
        note(`! Entries ${last + 1} to ${entry.n - 1} are missing.`)
      last = entry.n
      if (json) printJson(entry)
      else print(auditLine(entry))
    }
    if (!follow) return
    if (page.entries.length < PAGE) await sleep(LOOK_MS)
    page = await client.audit(filter, { after: page.next, limit: PAGE })
  }
}

/** Returns the newest entries. If the entries need more than one page, reads the whole log. */
async function newest(client: HubClient, filter: AuditFilter, lines: number): Promise<AuditPage> {
  if (lines <= PAGE) return client.audit(filter, { limit: lines })
  let all: AuditPage = { entries: [], next: 0, first: 1 }
  for (;;) {
    const page = await client.audit(filter, { after: all.next, limit: PAGE })
    if (page.next <= all.next) return all
    all = { ...page, entries: [...all.entries, ...page.entries].slice(-lines) }
  }
}

function lineCount(value: string): number {
  const lines = numeric(value)
  if (Number.isSafeInteger(lines) && lines >= 1) return lines
  throw new InvalidArgumentError('It must be a whole number of at least 1.')
}
