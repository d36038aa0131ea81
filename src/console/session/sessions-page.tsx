import { useEffect, useState } from 'preact/hooks'
import { browserName } from '../../client/browser-name.ts'
import type { HubSession } from '../../protocol/hub-sessions.ts'
import { Button } from '../parts/button.tsx'
import { Item, Items, ItemsPage } from '../parts/items.tsx'
import { Name } from '../parts/name.tsx'
import { tell, tellProblem } from '../parts/notices.tsx'
import { hrefOf } from '../route.ts'
import { may, session, signOut } from './session.ts'
import './sessions-page.css'

/** The page with the sessions that the person may end. */
export function SessionsPage() {
  const [sessions, setSessions] = useState<HubSession[]>()
  const client = session.value?.sessions
  const load = async () => {
    if (!client) return
    try {
      setSessions(inOrder(await client.list()))
    } catch (error) {
      tellProblem(error)
      setSessions((known) => known ?? [])
    }
  }
  useEffect(() => void load(), [client])
  const end = async ({ session_id, current, user_agent }: HubSession) => {
    if (current) return signOut()
    try {
      await client?.end(session_id)
      tell(`Ended the session of ${browserName(user_agent)}.`)
    } catch (error) {
      tellProblem(error)
    }
    await load()
  }
  return (
    <ItemsPage title="Sessions">
      <p>
        {may('admin')
          ? 'Browsers that are signed in to this hub.'
          : 'Browsers that are signed in with your key.'}{' '}
        A session ends after 30 days without use, and after 90 days. Its{' '}
        <a href={hrefOf(['notifications'])}>notifications</a> end with it.
      </p>
      {sessions === undefined ? (
        <p role="status">Loading…</p>
      ) : (
        <Items>
          {sessions.map((each) => (
            <Session key={each.session_id} session={each} onEnd={() => void end(each)} />
          ))}
        </Items>
      )}
    </ItemsPage>
  )
}

function Session({ session, onEnd }: { session: HubSession; onEnd(): void }) {
  const { name, user_agent, from, created_at, used_at, expires_at, current } = session
  const browser = browserName(user_agent)
  return (
    <Item
      title={browser}
      detail={user_agent}
      mark={current ? 'this session' : undefined}
      action={
        <Button look="danger" label={current ? 'Sign out' : `End session: ${browser}`} onClick={onEnd}>
          {current ? 'Sign out' : 'End session'}
        </Button>
      }
    >
      <dl class="session-facts">
        <dt>Key</dt>
        <dd>
          <Name text={name} />
        </dd>
        {from !== undefined && (
          <>
            <dt>Address</dt>
            <dd>
              <Name text={from} />
            </dd>
          </>
        )}
        <dt>Signed in</dt>
        <dd>
          <Time at={created_at} />
        </dd>
        <dt>Last used</dt>
        <dd>
          <Time at={used_at} />
        </dd>
        <dt>Ends</dt>
        <dd>
          <Time at={expires_at} />
        </dd>
      </dl>
    </Item>
  )
}

function Time({ at }: { at: string }) {
  const date = new Date(at)
  const text = Number.isNaN(date.getTime())
    ? 'unknown'
    : date.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' })
  return <time dateTime={at}>{text}</time>
}

/** Returns the own session first, then the most recently used. */
const inOrder = (sessions: HubSession[]) =>
  sessions.toSorted(
    (one, other) =>
      Number(other.current ?? false) - Number(one.current ?? false) ||
      other.used_at.localeCompare(one.used_at),
  )
