import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import type { Browser, Page } from 'playwright-core'
import type { Hello, NewKey, SignInToken, UserRole } from '../../src/protocol/index.ts'
import { type Look, Visitor } from './browser.ts'
import { enroll } from './enroll.ts'
import { helloOf, LightDaemon } from './light-daemon.ts'
import { type Running, Stage } from './stage.ts'
import type { Cleanup } from './temp.ts'
import { until } from './wait.ts'

/** Errors on the console of a page whose hub ends. */
export const LOST = /net::ERR_(CONNECTION_(REFUSED|RESET)|INCOMPLETE_CHUNKED_ENCODING|EMPTY_RESPONSE)/

/** The built hub with simulated machines, and people who visit its console. */
export class ConsoleStage {
  readonly stage: Stage
  readonly #browser: Browser
  readonly #visitors: Visitor[]
  readonly #daemons: LightDaemon[] = []
  readonly #keys = new Map<string, string>()
  #hub: Running | undefined

  private constructor(stage: Stage, browser: Browser, visitors: Visitor[]) {
    this.stage = stage
    this.#browser = browser
    this.#visitors = visitors
  }

  /** @param open opens the stage whose hub the console belongs to; by default, a new stage without a daemon */
  static async open(
    t: Cleanup,
    browser: Browser,
    open = (t: Cleanup) => Stage.open(t),
  ): Promise<ConsoleStage> {
    const visitors: Visitor[] = []
    // Pages close before the hub stops: the loss of their connections is no fault.
    t.after(async () => {
      const faults: string[] = []
      for (const visitor of visitors.splice(0)) faults.push(...(await visitor.leave()))
      // Throws after all other hooks, even those that other hooks register: a hook that throws prevents them.
      t.after(() => t.after(() => assert.deepEqual(faults, [])))
    })
    const made = new ConsoleStage(await open(t), browser, visitors)
    t.after(() => made.#disconnect())
    await made.startHub()
    return made
  }

  async startHub() {
    this.#hub = await this.stage.hub()
  }

  /** Kills the hub. The machines lose their connections. */
  async killHub() {
    this.#hub?.kill('SIGKILL')
    await this.#hub?.ended
    this.#disconnect()
  }

  /** Connects a machine. Every machine enrolls when it connects for the first time. */
  async machine(hello: Partial<Hello> = {}): Promise<LightDaemon> {
    const { machine_id } = helloOf(hello)
    const { hubUrl: url } = this.stage
    let key = this.#keys.get(machine_id)
    if (key === undefined) {
      key = await enroll({ url, userKey: this.stage.userKey(), rest: { hostname: machine_id } })
      this.#keys.set(machine_id, key)
    }
    const daemon = await LightDaemon.greet({ url, key, hello })
    this.#daemons.push(daemon)
    return daemon
  }

  /** Returns a new user key. */
  async key(name: string, role: UserRole): Promise<string> {
    return (await this.stage.api<NewKey & { key: string }>('POST', '/api/keys', { name, role })).key
  }

  /** Returns the part after `#` of an address that signs a person in, once. */
  async signInLink(): Promise<string> {
    const { token } = await this.stage.api<SignInToken>('POST', '/api/sign-in-tokens', {})
    return `token=${token}`
  }

  /** Opens the console in a person's own browser. @param path address of a page, after `#` */
  async visit(path = '/', look?: Look): Promise<Visitor> {
    const visitor = await Visitor.enter(this.#browser, this.stage.hubUrl, look)
    this.#visitors.push(visitor)
    await visitor.page.goto(`${this.stage.hubUrl}/#${path}`)
    return visitor
  }

  /** Opens a page of the console, and signs in. @param key the hub's own user key by default */
  async signedIn({ path, look, key }: { path?: string; look?: Look; key?: string } = {}): Promise<Visitor> {
    const visitor = await this.visit(path, look)
    await signIn(visitor.page, key ?? this.stage.userKey())
    return visitor
  }

  #disconnect() {
    for (const daemon of this.#daemons.splice(0)) daemon.socket.terminate()
  }
}

/** Signs in on the sign-in page. */
export async function signIn(page: Page, key: string) {
  await page.getByLabel('User key').fill(key)
  await page.getByRole('button', { name: 'Sign in' }).click()
}

/** Waits until a function that reads a page returns this value. */
export async function shows<T>(read: () => Promise<T>, expected: T) {
  let last: T | undefined
  await until(
    async () => {
      last = await read()
      return isDeepStrictEqual(last, expected)
    },
    { what: 'this value on the page' },
  ).catch(() => assert.deepEqual(last, expected))
}

/** Returns the titles of the agents on the fleet page, by the titles of their groups. */
export async function agentsOn(page: Page): Promise<Record<string, string[]>> {
  const groups = await page.locator('main details').all()
  const entries = await Promise.all(
    groups.map(async (group) => [
      await group.locator('summary').textContent(),
      await group.locator('li a > bdi').allTextContents(),
    ]),
  )
  return Object.fromEntries(entries)
}
