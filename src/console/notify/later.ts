import { later } from '../parts/later.tsx'
import { OpenMessage } from './notification-data.ts'

/** The page about notifications. Its code is loaded when a person opens it. */
export const NotificationsPage = later(
  async () => (await import('./notifications-page.tsx')).NotificationsPage,
)

/**
 * Shows what a person clicks, and connects the page to its notifications if this browser has a worker. Called once,
 * while the first script runs: the browser delivers the worker's messages as soon as the page is loaded.
 */
export async function startNotifications() {
  navigator.serviceWorker?.addEventListener('message', ({ data }) => {
    const message = OpenMessage.safeParse(data)
    if (message.success) location.hash = message.data.open
  })
  const registration = await navigator.serviceWorker?.getRegistration()
  if (registration) (await import('./follow-notifications.ts')).followNotifications()
}
