/**
 * Takes pictures of the console's main pages, on a desk and on a phone, dark and light: `npm run pictures -- FOLDER`.
 * Build first. The agents and their conversation are made up.
 */
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Page } from 'playwright-core'
import { DESK, openBrowser, PHONE } from '../support/browser.ts'
import { ConsoleStage } from '../support/console-stage.ts'
import { ASKING, connectFleet } from './fleet.ts'

/** The pages, each with its address after `#`, and a function that waits for its content. */
const PAGES: { name: string; path: string; ready(page: Page): Promise<void> }[] = [
  { name: 'fleet', path: '/', ready: (page) => page.getByText('Asks to use Edit').waitFor() },
  {
    name: 'machine',
    path: '/machines/machine-2',
    ready: (page) => page.getByRole('heading', { name: 'Problems' }).waitFor(),
  },
  {
    name: 'agent',
    path: `/agents/${ASKING.machine_id}/${ASKING.agent_id}`,
    ready: (page) => page.getByText('I give it a 0 to start with.').waitFor(),
  },
  {
    name: 'request',
    path: `/agents/${ASKING.machine_id}/${ASKING.agent_id}?request=r1`,
    ready: (page) => page.getByRole('dialog').getByText('An empty cart costs nothing.').waitFor(),
  },
]

const DEVICES = { desk: { viewport: DESK }, phone: { viewport: PHONE, hasTouch: true, isMobile: true } }

const folder = resolve(process.argv[2] ?? 'node_modules/.cache/console-pictures')
mkdirSync(folder, { recursive: true })
const cleanups: (() => void | Promise<void>)[] = []
const t = { after: (cleanup: () => void | Promise<void>) => void cleanups.push(cleanup) }
try {
  const browser = await openBrowser(t)
  const stage = await ConsoleStage.open(t, browser)
  await connectFleet(stage)
  for (const [device, look] of Object.entries(DEVICES))
    for (const colorScheme of ['light', 'dark'] as const) {
      const { page } = await stage.signedIn({ look: { ...look, colorScheme, reducedMotion: 'reduce' } })
      for (const { name, path, ready } of PAGES) {
        await page.goto(`${stage.stage.hubUrl}/#${path}`)
        await ready(page)
        await page.getByText('Loading…').first().waitFor({ state: 'detached' })
        const file = join(folder, `${name}-${device}-${colorScheme}.png`)
        await page.screenshot({ path: file })
        console.log(file)
      }
    }
} finally {
  // Cleanups may register further cleanups.
  for (let cleanup = cleanups.shift(); cleanup; cleanup = cleanups.shift()) await cleanup()
}
