// Needs: chromium, /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { installed, PATH } from '../suite/needs.ts'
import type { Cleanup } from './temp.ts'

/** Timeout of an action on a page, in milliseconds: long enough for a machine under load. */
const ACTION_MS = 60_000

export const DESK = { width: 1280, height: 800 }
export const PHONE = { width: 360, height: 740 }

export type Look = Pick<
  BrowserContextOptions,
  'viewport' | 'colorScheme' | 'hasTouch' | 'isMobile' | 'reducedMotion'
>

/**
 * Starts Chromium with its own profile and home folder. It finds no other host than this one, and is closed
 * after the tests.
 */
export async function openBrowser(t: Cleanup): Promise<Browser> {
  const home = mkdtempSync(join(tmpdir(), 'fomular-browser-'))
  let browser: Browser | undefined
  t.after(async () => {
    await browser?.close()
    rmSync(home, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
  })
  browser = await chromium.launch({
    executablePath: pathOf('chromium'),
    // Chromium's sandbox does not work for root.
    chromiumSandbox: process.getuid?.() !== 0,
    args: ['--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1'],
    env: { PATH, HOME: home, XDG_RUNTIME_DIR: home },
    timeout: ACTION_MS,
  })
  return browser
}

function pathOf(program: string): string {
  const found = PATH.split(':')
    .map((dir) => `${dir}/${program}`)
    .find(installed)
  if (found === undefined) throw new Error(`${program} is not installed: apt-get install ${program}`)
  return found
}

/**
 * A person's browser, with its own cookies. It notes everything that a flawless site does not cause: requests
 * to other origins, errors, and violations of the content security policy.
 */
export class Visitor {
  readonly page: Page
  readonly #faults: string[]
  readonly #expected: RegExp[] = []

  private constructor(page: Page, faults: string[]) {
    this.page = page
    this.#faults = faults
  }

  /** @param origin the only origin that pages may load anything from */
  static async enter(browser: Browser, origin: string, look: Look = {}): Promise<Visitor> {
    const context = await browser.newContext({ viewport: DESK, ...look })
    context.setDefaultTimeout(ACTION_MS)
    const faults: string[] = []
    await context.route(
      (url) => url.origin !== origin,
      (route) => {
        faults.push(`request to ${route.request().url()}`)
        return route.abort()
      },
    )
    context.on('console', (message) => {
      if (message.type() === 'error') faults.push(`console: ${message.text()}, at ${message.location().url}`)
    })
    context.on('weberror', (error) => faults.push(`error: ${error.error().stack}`))
    context.on('page', (page) => page.on('crash', () => faults.push('the page crashed')))
    return new Visitor(await context.newPage(), faults)
  }

  /** Permits faults that the test causes. */
  expects(fault: RegExp) {
    this.#expected.push(fault)
  }

  /** Closes the browser's pages. @returns their faults, without those that the test expects */
  async leave(): Promise<string[]> {
    const faults = this.#faults.filter((fault) => !this.#expected.some((expected) => expected.test(fault)))
    await this.page.context().close()
    return faults
  }
}
