import type { Browser, Locator, Page } from 'playwright-core'
import type { PermissionRequest } from '../../src/protocol/index.ts'
import { ConsoleStage } from './console-stage.ts'
import { statusOf } from './light-daemon.ts'
import type { Cleanup } from './temp.ts'

type Look = Parameters<ConsoleStage['visit']>[1]

/** Opens the page of an agent that asks, and the sheet with its request. */
export async function asked(
  t: Cleanup,
  browser: Browser,
  request: PermissionRequest,
  { look, role, isOpen = true }: { look?: Look; role?: 'viewer'; isOpen?: boolean } = {},
) {
  const stage = await ConsoleStage.open(t, browser)
  const daemon = await stage.machine({
    hostname: 'build-1',
    agents: [
      statusOf('a', { title: 'Fix the tests', cwd: '/srv/shop', state: 'waiting', pending: [request] }),
    ],
  })
  const key = role && (await stage.key('ada', role))
  const visitor = await stage.signedIn({
    path: '/agents/machine-1/a',
    ...(look && { look }),
    ...(key && { key }),
  })
  const { page } = visitor
  const review = page.getByRole('region', { name: 'Requests that wait for you' }).getByRole('button')
  const sheet = page.getByRole('dialog')
  await review.waitFor()
  if (isOpen) {
    await review.click()
    await sheet.waitFor()
  }
  return { stage, visitor, page, daemon, sheet, review }
}

/** Scrolls the sheet to the end of its request. */
export const scrollToEnd = (page: Page) => page.evaluate("document.querySelector('dialog').scrollTo(0, 1e6)")

export const button = (sheet: Locator, name: string | RegExp) => sheet.getByRole('button', { name })
