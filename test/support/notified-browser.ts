import type { CDPSession, Page, Worker } from 'playwright-core'
import type { SubscribeRequest } from '../../src/protocol/index.ts'
import { until } from './wait.ts'

/** A notification, as the browser keeps it. */
interface Shown {
  title: string
  body: string
  tag: string
  data: { href: string }
}

/**
 * A page's browser, in which messages arrive as from a push service. Only the part that needs the internet is
 * replaced: the registration at the push service of the browser's maker.
 */
export class NotifiedBrowser {
  readonly #page: Page
  readonly #origin: string
  readonly #session: CDPSession
  #registrationId: string | undefined

  private constructor(page: Page, origin: string, session: CDPSession) {
    this.#page = page
    this.#origin = origin
    this.#session = session
  }

  /** Permits notifications, and loads the page again. @param subscription registers the browser in place of its maker */
  static async of(page: Page, origin: string, subscription?: SubscribeRequest): Promise<NotifiedBrowser> {
    const context = page.context()
    await context.grantPermissions(['notifications'], { origin })
    if (subscription) await page.addInitScript(`(${register})(${JSON.stringify(subscription)})`)
    await page.reload()
    const session = await context.newCDPSession(page)
    const browser = new NotifiedBrowser(page, origin, session)
    session.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
      browser.#registrationId = registrations[0]?.registrationId ?? browser.#registrationId
    })
    await session.send('ServiceWorker.enable')
    return browser
  }

  /** The page's worker. */
  worker(): Promise<Worker> {
    return until(() => this.#page.context().serviceWorkers()[0], { what: 'the worker' }) as Promise<Worker>
  }

  /** Gives a decrypted message to the worker. Resolves when the worker has handled the message. */
  async deliver(data: string) {
    const registrationId = await until(() => this.#registrationId, { what: 'the registration of the worker' })
    const worker = await this.worker()
    const before = await worker.evaluate<number>(countHandled)
    await this.#session.send('ServiceWorker.deliverPushMessage', {
      origin: this.#origin,
      registrationId: registrationId!,
      data,
    })
    await until(async () => (await worker.evaluate<number>('handled')) > before, { what: 'the worker' })
  }

  async shown(): Promise<Shown[]> {
    return (await this.worker()).evaluate(
      'registration.getNotifications().then((all) => all.map(({ title, body, tag, data }) => ({ title, body, tag, data })))',
    )
  }

  /** Waits until the notifications with these texts are shown, in any order. */
  async shows(...bodies: string[]) {
    let last: string[] = []
    const isSame = async () => {
      last = (await this.shown()).map(({ body }) => body).sort()
      return JSON.stringify(last) === JSON.stringify(bodies.toSorted())
    }
    await until(isSame, { what: `the notifications ${bodies}` }).catch((error) => {
      throw new Error(`${error.message}; shown: ${last}`)
    })
  }

  /** Clicks a notification, as far as a page can tell. */
  async click(tag: string) {
    await (
      await this.worker()
    ).evaluate(`registration.getNotifications({ tag: '${tag}' }).then(([notification]) =>
      void dispatchEvent(new NotificationEvent('notificationclick', { notification })))`)
  }
}

/** Runs in the worker: begins to count the handled messages, and returns the present number. */
const countHandled = `(() => {
  if (globalThis.handled === undefined) {
    globalThis.handled = 0
    const { waitUntil } = PushEvent.prototype
    PushEvent.prototype.waitUntil = function (work) {
      waitUntil.call(this, work)
      work.finally(() => handled++)
    }
  }
  return handled
})()`

/** Runs in the page: registers the browser at the push service of the test. */
const register = `({ endpoint, keys }) => {
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (each) => each.charCodeAt(0)).buffer
  const stored = 'subscribed for the test'
  const made = (key) => ({
    endpoint,
    options: { applicationServerKey: bytes(key) },
    getKey: (name) => bytes(keys[name]),
    unsubscribe: async () => { localStorage.removeItem(stored); return true },
  })
  PushManager.prototype.getSubscription = async () => {
    const key = localStorage.getItem(stored)
    return key === null ? null : made(key)
  }
  PushManager.prototype.subscribe = async ({ applicationServerKey }) => {
    localStorage.setItem(stored, applicationServerKey)
    return made(applicationServerKey)
  }
}`
