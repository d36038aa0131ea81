import * as z from 'zod/mini'
import { PushMessage } from '../../protocol/hub-push.ts'
import { dataOf, NotificationData } from '../notify/notification-data.ts'

declare const self: ServiceWorkerGlobalScope

// The content security policy forbids code that is made from text.
z.config({ jitless: true })

const ICON = 'icon-192.png'

self.addEventListener('install', () => void self.skipWaiting())
self.addEventListener('push', (event) => event.waitUntil(onPush(event.data?.text() ?? '')))
self.addEventListener('notificationclick', (event) => {
  event.notification.close()
  event.waitUntil(open(NotificationData.safeParse(event.notification.data).data?.href ?? '#/'))
})

/** Shows a message of the hub, unless the person looks at the console. */
async function onPush(text: string): Promise<void> {
  const message = messageIn(text)
  if (message?.open) await closeAnswered(message.at, message.open)
  const windows = await pages()
  if (windows.some(({ focused, visibilityState }) => focused && visibilityState === 'visible')) return
  if (!message) return self.registration.showNotification('An agent may need you.', { icon: ICON, tag: '' })
  const { title, body, tag, at } = message
  await self.registration.showNotification(title, {
    body,
    tag,
    icon: ICON,
    badge: ICON,
    data: dataOf(message),
    // A notification with a tag that is already shown makes no sound by default.
    ...{ renotify: true, timestamp: at },
  })
}

/** Returns the message in a push; undefined if a hub of another version has sent it. */
function messageIn(text: string): PushMessage | undefined {
  try {
    return PushMessage.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}

/**
 * Closes the notifications about requests that were answered before a message was sent. Messages can arrive in
 * another order.
 */
async function closeAnswered(at: number, open: string[]): Promise<void> {
  for (const shown of await self.registration.getNotifications()) {
    const { data } = NotificationData.safeParse(shown.data)
    if (data?.asks && data.at < at && !open.includes(shown.tag)) shown.close()
  }
}

/** Shows an address in an open page of the console, or in a new page. */
async function open(href: string): Promise<void> {
  const [page] = await pages()
  if (!page) return void (await self.clients.openWindow(self.registration.scope + href))
  page.postMessage({ open: href })
  await page.focus()
}

/** Returns the open pages of the console. The page that was used last comes first. */
async function pages(): Promise<readonly WindowClient[]> {
  const windows = await self.clients.matchAll({ type: 'window', includeUncontrolled: true })
  return windows.filter(({ url }) => url.startsWith(self.registration.scope))
}
