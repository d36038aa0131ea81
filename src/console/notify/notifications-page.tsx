import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { browserName } from '../../client/browser-name.ts'
import { PushClient } from '../../client/push-client.ts'
import type { HubSubscription, PushState } from '../../protocol/hub-push.ts'
import { Button } from '../parts/button.tsx'
import { Check } from '../parts/form.tsx'
import { Item, Items, ItemsPage } from '../parts/items.tsx'
import { Name } from '../parts/name.tsx'
import { tellProblem } from '../parts/notices.tsx'
import { useSending } from '../parts/use-sending.tsx'
import { visible } from '../parts/visible.ts'
import { may, session } from '../session/session.ts'
import {
  BLOCKED,
  currentSubscription,
  idOf,
  requestOf,
  subscribeBrowser,
  whyUnsupported,
} from './browser-push.ts'
import { followNotifications } from './follow-notifications.ts'
import { TrustedAddress } from './trusted-address.tsx'
import './notifications-page.css'

/** Kinds of notifications in words. */
const KINDS: Readonly<Record<string, string>> = {
  permission: 'An agent asks for permission',
  question: 'An agent asks a question, or shows a form or a plan',
  failed: 'An agent or its turn fails',
  limited: 'An agent reaches its usage limit',
  ended: 'An agent ends by itself',
}

/** The page on which a person turns notifications on and off. */
export function NotificationsPage() {
  const [state, setState] = useState<PushState>()
  const [ownId, setOwnId] = useState<string>()
  const saved = useRef(Promise.resolve())
  const transport = session.value?.transport
  const push = useMemo(() => transport && new PushClient(transport), [transport])
  const load = async () => {
    if (!push) return
    try {
      const own = await currentSubscription()
      const id = own && (await idOf(own))
      setState(await push.state())
      setOwnId(id)
    } catch (error) {
      tellProblem(error)
    }
  }
  useEffect(() => void load(), [push])
  if (!push || !state) return <p role="status">Loading…</p>
  const { public_key, offered, kinds, subscriptions } = state
  const choose = (chosen: string[]) => {
    setState({ ...state, kinds: chosen })
    // Choices are saved in the order in which the person makes them.
    saved.current = saved.current
      .then(() => push.choose(chosen))
      .then(
        () => {},
        (error) => {
          tellProblem(error)
          return load()
        },
      )
  }
  const turnOn = async () => {
    await push.subscribe(requestOf(await subscribeBrowser(public_key)))
    followNotifications()
  }
  const remove = async ({ subscription_id }: HubSubscription) => {
    if (subscription_id === ownId) await (await currentSubscription())?.unsubscribe()
    await push.remove(subscription_id)
  }
  const own = subscriptions.find(({ subscription_id }) => subscription_id === ownId)
  return (
    <ItemsPage title="Notifications">
      <ThisBrowser
        isOn={own !== undefined}
        onTurnOn={turnOn}
        onTurnOff={async () => own && remove(own)}
        onDone={() => void load()}
      />
      <fieldset class="notification-kinds">
        <legend>When</legend>
        {offered.map((kind) => (
          <Check
            key={kind}
            label={KINDS[kind] ?? kind}
            checked={kinds.includes(kind)}
            onChange={(isWanted) =>
              choose(isWanted ? [...kinds, kind] : kinds.filter((each) => each !== kind))
            }
          />
        ))}
      </fieldset>
      <h2>{may('admin') ? 'Browsers of all people' : 'Your browsers'}</h2>
      {subscriptions.length === 0 ? (
        <p>No browser gets notifications.</p>
      ) : (
        <Items>
          {subscriptions.map((each) => (
            <Browser
              key={each.subscription_id}
              subscription={each}
              isThis={each === own}
              onRemove={() => void remove(each).catch(tellProblem).then(load)}
            />
          ))}
        </Items>
      )}
    </ItemsPage>
  )
}

interface ThisBrowserProps {
  isOn: boolean
  onTurnOn(): Promise<void>
  onTurnOff(): Promise<void>
  onDone(): void
}

/** The switch for this browser, or the reason why there is none. */
function ThisBrowser({ isOn, onTurnOn, onTurnOff, onDone }: ThisBrowserProps) {
  const { isSending, problem, send } = useSending(onDone)
  const why = whyUnsupported()
  if (why !== undefined)
    return (
      <>
        <p>{why}</p>
        {!isSecureContext && <TrustedAddress />}
      </>
    )
  const isBlocked = Notification.permission === 'denied'
  return (
    <div class="notification-switch">
      {isOn && <p>Notifications are on in this browser. They appear while the console is not in front.</p>}
      {!isOn && <p>{isBlocked ? BLOCKED : 'Notifications are off in this browser.'}</p>}
      {isOn ? (
        <Button disabled={isSending} onClick={() => send(onTurnOff)}>
          Turn off
        </Button>
      ) : (
        <Button look="main" disabled={isSending} onClick={() => send(onTurnOn)}>
          {isSending ? 'Turning on…' : 'Turn on notifications'}
        </Button>
      )}
      {problem}
    </div>
  )
}

interface BrowserProps {
  subscription: HubSubscription
  isThis: boolean
  onRemove(): void
}

function Browser({ subscription, isThis, onRemove }: BrowserProps) {
  const { name, service, user_agent, problem } = subscription
  const browser = browserName(user_agent)
  return (
    <Item
      title={browser}
      detail={user_agent}
      mark={isThis ? 'this browser' : undefined}
      action={
        <Button look="danger" label={`Remove: ${browser} of ${name}`} onClick={onRemove}>
          Remove
        </Button>
      }
    >
      <p>
        <Name text={name} />, through <Name text={service} />
      </p>
      {problem !== undefined && <p class="problem">Not delivered: {visible(problem)}</p>}
    </Item>
  )
}
