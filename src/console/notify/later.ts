import { later } from '../parts/later.tsx'

/** The page about notifications. Its code is loaded when a person opens it. */
export const NotificationsPage = later(
  async () => (await import('./notifications-page.tsx')).NotificationsPage,
)

/** Connects the page to its notifications if this browser has a worker. Called once. */
export async function startNotifications() {
  const registration = await navigator.serviceWorker?.getRegistration()
  if (registration) (await import('./follow-notifications.ts')).followNotifications()
}
