import { useEffect, useState } from 'preact/hooks'
import type { AuditFilter } from '../../client/hub-answers.ts'
import { Reveal } from '../../client/reveal-hidden.ts'
import type { AuditEntry } from '../../protocol/audit.ts'
import { fleet } from '../fleet/fleet.ts'
import { nameOf } from '../fleet/machine-facts.ts'
import { Button } from '../parts/button.tsx'
import { Name } from '../parts/name.tsx'
import { Problem } from '../parts/problem.tsx'
import { agentHref, hrefOf, replaceQuery, route } from '../route.ts'
import { hub } from '../session/session.ts'
import { type AuditEntries, newestEntries, withOlder } from './audit-pages.ts'
import { auditText, joined } from './audit-text.ts'

const FIELDS = [
  ['by', 'Key'],
  ['action', 'Order, such as agent:start'],
  ['agent_id', 'Agent'],
  ['machine_id', 'Machine id'],
  ['outcome', 'Outcome, such as refused'],
] as const

/** Time without typing after which the entries are searched again, in milliseconds. */
const TYPING_MS = 300

/** The page with the audit log, the newest entries first. The address contains the filters. */
export function AuditPage() {
  const { query } = route.value
  const filter: AuditFilter = Object.fromEntries(
    FIELDS.flatMap(([name]) => (query.get(name) ? [[name, query.get(name)!]] : [])),
  )
  const { value, problem, isLoading, load } = useEntries(filter)
  return (
    <div class="admin-page">
      <header>
        <h1>Audit</h1>
        <Button disabled={isLoading} onClick={() => load()}>
          Load new entries
        </Button>
      </header>
      <Filters isOpen={Object.keys(filter).length > 0} />
      {problem && <Problem error={problem} />}
      {!value && !problem && <p role="status">Loading…</p>}
      {value && <Entries entries={value.entries} />}
      {value?.hasOlder && (
        <Button disabled={isLoading} onClick={() => load(value)}>
          {isLoading ? 'Searching…' : 'Show older entries'}
        </Button>
      )}
      {value && !value.hasOlder && value.from > 1 && (
        <p>Entries before number {value.from} are no longer kept.</p>
      )}
    </div>
  )
}

/** The fields that filter the entries, folded on a phone. */
function Filters({ isOpen }: { isOpen: boolean }) {
  const { query } = route.value
  return (
    <details class="audit-filters" open={isOpen || matchMedia('(min-width: 641px)').matches}>
      <summary>Filter</summary>
      <search class="form-pair">
        {FIELDS.map(([name, label]) => (
          <input
            key={name}
            type="search"
            aria-label={label}
            placeholder={label}
            value={query.get(name) ?? ''}
            onInput={(event) => setFilter(name, event.currentTarget.value)}
          />
        ))}
      </search>
    </details>
  )
}

function setFilter(name: string, value: string) {
  const query = new URLSearchParams(route.value.query)
  if (value === '') query.delete(name)
  else query.set(name, value)
  replaceQuery(query)
}

/** Loads the newest entries when the filter changes, and older entries on request. */
function useEntries(filter: AuditFilter) {
  const [value, setValue] = useState<AuditEntries>()
  const [problem, setProblem] = useState<Error & { remedy?: string }>()
  const [isLoading, setLoading] = useState(false)
  const name = JSON.stringify(filter)
  const load = async (known?: AuditEntries, isCurrent = () => true) => {
    setLoading(true)
    try {
      const found = await (known ? withOlder(hub(), filter, known) : newestEntries(hub(), filter))
      if (!isCurrent()) return
      setValue(found)
      setProblem(undefined)
    } catch (error) {
      if (isCurrent()) setProblem(error as Error)
    }
    setLoading(false)
  }
  useEffect(() => {
    let isCurrent = true
    const timer = setTimeout(() => void load(undefined, () => isCurrent), value ? TYPING_MS : 0)
    return () => {
      isCurrent = false
      clearTimeout(timer)
    }
  }, [name])
  return { value, problem, isLoading, load: (known?: AuditEntries) => void load(known) }
}

function Entries({ entries }: { entries: AuditEntry[] }) {
  if (entries.length === 0) return <p>No entry matches.</p>
  return (
    <ul class="audit-list">
      {joined(entries).map((entry) => (
        <Entry key={entry.n} entry={entry} />
      ))}
    </ul>
  )
}

function Entry({ entry }: { entry: AuditEntry }) {
  const { who, order, agent_id, machine_id, target, outcome, look } = auditText(entry)
  const { at, n, details, from, role, key_id } = entry
  const machine = machine_id === undefined ? undefined : fleet.value?.machines.get(machine_id)
  return (
    <li>
      <time dateTime={at}>{new Date(at).toLocaleString()}</time>
      <p>
        <strong>
          <Name text={who} />
        </strong>{' '}
        {order}{' '}
        {agent_id !== undefined && machine_id !== undefined && (
          <a href={agentHref({ agent_id, machine_id })}>
            <Name text={agent_id} />
          </a>
        )}
        {machine_id !== undefined && (
          <>
            {agent_id !== undefined && ' on '}
            <a href={hrefOf(['machines', machine_id])}>
              <Name text={machine ? nameOf(machine) : machine_id} />
            </a>
          </>
        )}
        {target !== undefined && (
          <>
            {' '}
            <code>{target}</code>
          </>
        )}
      </p>
      <span class={`audit-${look}`}>{outcome}</span>
      <details>
        <summary>Details</summary>
        <pre dir="ltr">
          {new Reveal().text(JSON.stringify({ number: n, from, role, key_id, ...details }, null, 2))}
        </pre>
      </details>
    </li>
  )
}
