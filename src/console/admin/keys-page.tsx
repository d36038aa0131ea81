import { useState } from 'preact/hooks'
import type { HubKey } from '../../protocol/hub-keys.ts'
import { fleet } from '../fleet/fleet.ts'
import { nameOf } from '../fleet/machine-facts.ts'
import { ago } from '../parts/ago.ts'
import { Button } from '../parts/button.tsx'
import { Name } from '../parts/name.tsx'
import { Problem } from '../parts/problem.tsx'
import { now } from '../parts/time.ts'
import { visibleLine } from '../parts/visible.ts'
import { hub, session } from '../session/session.ts'
import { AdminTable } from './admin-table.tsx'
import { BindKey } from './bind-key.tsx'
import { CreateKey } from './create-key.tsx'
import { RevokeKey } from './revoke-key.tsx'
import { RotateKey } from './rotate-key.tsx'
import { Tokens } from './tokens.tsx'
import { useList } from './use-list.ts'

type Change = { what: 'create' } | { what: 'bind' | 'rotate' | 'revoke'; key: HubKey }

/** Maximum number of machines that are shown for one key. */
const SHOWN = 5

/** The keys that the hub accepts, and the lines for new machines that nobody has used yet. */
export function KeysPage() {
  const { value: keys, problem, reload } = useList(() => hub().keys())
  const [change, setChange] = useState<Change>()
  const onClose = () => {
    setChange(undefined)
    reload()
  }
  return (
    <div class="admin-page">
      <section>
        <header>
          <h1>Keys</h1>
          <Button look="main" onClick={() => setChange({ what: 'create' })}>
            Create a key…
          </Button>
        </header>
        {problem && <Problem error={problem} />}
        {keys ? <KeyTable keys={keys} onChange={setChange} /> : !problem && <p role="status">Loading…</p>}
      </section>
      <Tokens />
      {change?.what === 'create' && <CreateKey onClose={onClose} />}
      {change?.what === 'bind' && <BindKey hubKey={change.key} onClose={onClose} />}
      {change?.what === 'rotate' && <RotateKey hubKey={change.key} onClose={onClose} />}
      {change?.what === 'revoke' && <RevokeKey hubKey={change.key} onClose={onClose} />}
    </div>
  )
}

interface KeyTableProps {
  keys: HubKey[]
  onChange(change: Change): void
}

function KeyTable({ keys, onChange }: KeyTableProps) {
  return (
    <AdminTable heads={['Name', 'Role', 'Machine', 'Created']}>
      {keys.map((key) => (
        <KeyRow key={key.key_id} hubKey={key} onChange={onChange} />
      ))}
    </AdminTable>
  )
}

function KeyRow({ hubKey: key, onChange }: { hubKey: HubKey; onChange(change: Change): void }) {
  const { key_id, name, role, local, created_at, shared } = key
  const shown = visibleLine(name)
  const isOwn = session.value?.key_id === key_id
  return (
    <tr>
      <th scope="row">
        <Name text={name} />
        <small>
          {key_id}
          {local && ' · the hub’s own'}
          {isOwn && ' · yours'}
        </small>
      </th>
      <td>{role}</td>
      <td>
        <bdi>{machineText(key)}</bdi>
        {shared && <small>Several machines share it, so each can act as the others. Bind it to one.</small>}
      </td>
      <td>
        <time dateTime={created_at}>{ago(created_at, now.value)}</time>
      </td>
      <td>
        <span class="admin-buttons">
          {role === 'machine' && (
            <Button label={`Bind ${shown}…`} onClick={() => onChange({ what: 'bind', key })}>
              Bind…
            </Button>
          )}
          <Button label={`Rotate ${shown}…`} onClick={() => onChange({ what: 'rotate', key })}>
            Rotate…
          </Button>
          {!(local && role !== 'machine') && (
            <Button
              look="danger"
              label={`Revoke ${shown}…`}
              onClick={() => onChange({ what: 'revoke', key })}
            >
              Revoke…
            </Button>
          )}
        </span>
      </td>
    </tr>
  )
}

function machineText({ role, machines, used }: HubKey): string {
  if (role !== 'machine') return used ? '' : 'Not used yet'
  if (machines.length === 0) return 'The first that uses it'
  const known = fleet.value?.machines
  const names = machines.slice(0, SHOWN).map((id) => {
    const machine = known?.get(id)
    return visibleLine(machine ? nameOf(machine) : id)
  })
  const more = machines.length > SHOWN ? ` and ${machines.length - SHOWN} more` : ''
  return `${names.join(', ')}${more}${used ? '' : ' (not connected yet)'}`
}
