import { effect } from '@preact/signals'
import { PushClient } from '../../client/push-client.ts'
import { needsOf } from '../../protocol/needs.ts'
import { agentKey, type Fleet, fleet } from '../fleet/fleet.ts'
import { type SignedIn, session, signedOutBecause } from '../session/session.ts'
import {
  currentSubscription,
  idOf,
  isFor,
  requestOf,
  subscribeBrowser,
  workerOfPage,
} from './browser-push.ts'
import { NotificationData } from './notification-data.ts'

/** Interval between looks for notifications that are no longer needed, in milliseconds. */
const LOOK_MS = 1000

let isFollowing = false

/**
 * Connects the page to its notifications: keeps the subscription, and closes notifications about requests that were
 * answered. Further calls have no effect.
 */
export function followNotifications() {
  if (isFollowing) return
  isFollowing = true
  followSession()
  followFleet()
}

/** Keeps the subscription of this browser while a person is signed in, and ends it when the person signs out. */
function followSession() {
  let before: SignedIn | undefined
  effect(() => {
    const person = session.value
    if (person === null) return
    if (person && person.session_id !== before?.session_id) keepSubscribed(person).catch(() => {})
    const hasSignedOut = before && !person && signedOutBecause.peek() === undefined
    if (hasSignedOut) void currentSubscription().then((subscription) => subscription?.unsubscribe())
    before = person
  })
}

/** Tells the hub about the subscription of this browser if the hub does not know it, for example in a new session. */
async function keepSubscribed({ transport, session_id }: SignedIn): Promise<void> {
  const subscription = await currentSubscription()
  if (!subscription || Notification.permission !== 'granted') return
  const push = new PushClient(transport)
  const { public_key, subscriptions } = await push.state()
  const id = await idOf(subscription)
  const isKnown = subscriptions.some((each) => each.subscription_id === id && each.session_id === session_id)
  if (isKnown && isFor(subscription, public_key)) return
  await push.subscribe(requestOf(await subscribeBrowser(public_key)))
}

/** Closes needless notifications soon after machines or agents have changed. */
function followFleet() {
  let isDue = false
  effect(() => {
    void fleet.value?.version.value
    if (isDue) return
    isDue = true
    setTimeout(() => {
      isDue = false
      const current = fleet.peek()
      if (current) closeNeedless(current).catch(() => {})
    }, LOOK_MS)
  })
}

/** Closes notifications whose reasons no longer exist. */
async function closeNeedless({ live, agents }: Fleet): Promise<void> {
  if (live.peek().state !== 'live') return
  const registration = await workerOfPage()
  for (const shown of (await registration?.getNotifications()) ?? []) {
    const { data } = NotificationData.safeParse(shown.data)
    const agent = data && agents.get(agentKey(data))
    // A status may leave out requests.
    if (!agent || agent.pending_omitted || data.need === undefined) continue
    if (!needsOf(agent).some(({ id }) => id === data.need)) shown.close()
  }
}
