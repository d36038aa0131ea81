import { useState } from 'preact/hooks'
import type { HubToken } from '../../protocol/hub-objects.ts'
import { ago } from '../parts/ago.ts'
import { Button } from '../parts/button.tsx'
import { Name } from '../parts/name.tsx'
import { tell, tellProblem } from '../parts/notices.tsx'
import { Problem } from '../parts/problem.tsx'
import { now } from '../parts/time.ts'
import { hub } from '../session/session.ts'
import { AddMachine } from './add-machine.tsx'
import { AdminTable } from './admin-table.tsx'
import { useList } from './use-list.ts'

/** The lines for new machines that have not expired. */
export function Tokens() {
  const { value: tokens, problem, reload } = useList(() => hub().tokens())
  const [isAdding, setAdding] = useState(false)
  return (
    <section>
      <header>
        <h2>Lines that add a machine</h2>
        <Button onClick={() => setAdding(true)}>Add a machine…</Button>
      </header>
      {problem && <Problem error={problem} />}
      {tokens?.length === 0 && <p>There is none. A line appears here until it expires.</p>}
      {tokens && tokens.length > 0 && (
        <AdminTable heads={['Machine', 'Made by', 'Expires']}>
          {tokens.map((token) => (
            <TokenRow key={token.token_id} token={token} onChanged={reload} />
          ))}
        </AdminTable>
      )}
      {isAdding && (
        <AddMachine
          onClose={() => {
            setAdding(false)
            reload()
          }}
        />
      )}
    </section>
  )
}

function TokenRow({ token, onChanged }: { token: HubToken; onChanged(): void }) {
  const { token_id, name, by, expires_at, used } = token
  const [isSure, setSure] = useState(false)
  const cancel = async () => {
    try {
      await hub().cancelToken(token_id)
      tell('The line is no longer valid.')
    } catch (error) {
      tellProblem(error)
    }
    onChanged()
  }
  return (
    <tr>
      <th scope="row">
        <Name text={name ?? 'Any name'} />
        <small>
          {token_id}
          {used && ' · used'}
        </small>
      </th>
      <td>{by !== undefined && <Name text={by} />}</td>
      <td>
        <time dateTime={expires_at}>{ago(expires_at, now.value)}</time>
      </td>
      <td>
        {!used && (
          <Button look="danger" onClick={() => (isSure ? void cancel() : setSure(true))}>
            {isSure ? 'Cancel this line' : 'Cancel…'}
          </Button>
        )}
      </td>
    </tr>
  )
}
