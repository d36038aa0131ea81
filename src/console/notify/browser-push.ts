import { pause } from '../../client/until-aborted.ts'
import type { SubscribeRequest } from '../../protocol/hub-push.ts'
import { workerUrl } from '../parts/worker-url.ts'

/** Address of the service worker, next to the page. */
const WORKER_URL = workerUrl('fomular-worker', 'worker.js')

/** Time after which a push service counts as unreachable, in milliseconds. Browsers try again without end. */
const SUBSCRIBE_MS = 30_000
/** Length of a subscription's id, in hexadecimal digits. */
const ID_CHARS = 16

/** Sentence for a person who has not permitted notifications. */
export const BLOCKED =
  'The browser blocks notifications of this page. Permit them in the settings of the browser for this page.'

/** Returns the reason why this browser cannot get notifications; undefined if it can. */
export function whyUnsupported(): string | undefined {
  if (!isSecureContext) return 'The browser does not trust the address of this page.'
  if (!('serviceWorker' in navigator && 'PushManager' in window && 'Notification' in window))
    return 'This browser has no notifications for web pages. On an iPhone or iPad, add the console to the home screen, and open it there.'
  return undefined
}

/** Returns the worker of this page, if it was registered. */
export async function workerOfPage(): Promise<ServiceWorkerRegistration | undefined> {
  return whyUnsupported() === undefined ? navigator.serviceWorker.getRegistration() : undefined
}

/** Returns the subscription of this browser; undefined if its notifications are off. */
export async function currentSubscription(): Promise<PushSubscription | undefined> {
  const registration = await workerOfPage()
  return (await registration?.pushManager.getSubscription()) ?? undefined
}

/**
 * Subscribes this browser, after the person has permitted it.
 * @param publicKey the hub's key for push services
 * @throws an error with the reason and a remedy
 */
export async function subscribeBrowser(publicKey: string): Promise<PushSubscription> {
  if ((await Notification.requestPermission()) !== 'granted') throw new Error(BLOCKED)
  await navigator.serviceWorker.register(WORKER_URL)
  const { pushManager } = await navigator.serviceWorker.ready
  const before = await pushManager.getSubscription()
  if (before && isFor(before, publicKey)) return before
  // The hub has another key since.
  await before?.unsubscribe()
  const options = { userVisibleOnly: true, applicationServerKey: publicKey }
  return Promise.race([pushManager.subscribe(options), pause(SUBSCRIBE_MS)]).then(
    (made) => made ?? unreachable('it does not answer'),
    (error: Error) => unreachable(error.message),
  )
}

function unreachable(reason: string): never {
  throw new Error(
    `The browser could not reach its push service: ${reason}. Check its connection to the internet.`,
  )
}

/** Reports whether a subscription is for notifications of the hub with this key. */
export function isFor({ options }: PushSubscription, publicKey: string): boolean {
  const key = new Uint8Array(options.applicationServerKey ?? [])
  return base64url(key) === publicKey
}

/** Returns the id of a subscription at the hub. */
export async function idOf({ endpoint }: PushSubscription): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(endpoint)))
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0'))
    .join('')
    .slice(0, ID_CHARS)
}

/** Returns a subscription as the hub's API needs it. */
export function requestOf(subscription: PushSubscription): SubscribeRequest {
  const key = (name: PushEncryptionKeyName) => base64url(new Uint8Array(subscription.getKey(name) ?? []))
  return { endpoint: subscription.endpoint, keys: { p256dh: key('p256dh'), auth: key('auth') } }
}

const base64url = (bytes: Uint8Array) =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
