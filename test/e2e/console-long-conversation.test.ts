import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Page } from 'playwright-core'
import { openBrowser } from '../support/browser.ts'
import { ConsoleStage } from '../support/console-stage.ts'
import { frameOf, statusOf } from '../support/light-daemon.ts'
import { until } from '../support/wait.ts'

const browser = await openBrowser({ after })

const BYTES_EACH = 10
const FRAME_BYTES = 50_000
const END = 1_000_000

test('a conversation of 100,000 events opens at its end, and loads earlier events as a person scrolls up', async (t) => {
  const stage = await ConsoleStage.open(t, browser)
  const daemon = await stage.machine({ agents: [statusOf('a', { title: 'long', end: END })] })
  for (let from = 0; from < END; from += FRAME_BYTES) daemon.send(frameOf('a', from, from + FRAME_BYTES))
  await daemon.acknowledged('a', END)
  const { page } = await stage.signedIn({ path: '/agents/machine-1/a' })
  const newest = page
    .getByRole('article', { name: 'Agent', exact: true })
    .filter({ hasText: `at ${END - BYTES_EACH}` })
  await newest.waitFor()
  assert.ok((await newest.boundingBox())!.y < 800)
  const nodes = await nodesOn(page)
  const opened = await firstOn(page)
  const scrolled = async () => {
    await page.evaluate("document.querySelector('.windowed-list-view').scrollTo(0, 0)")
    return (await firstOn(page)) < opened - 1500 * BYTES_EACH
  }
  await until(scrolled, { what: 'earlier events' })
  assert.ok((await nodesOn(page)) < nodes * 3, `${await nodesOn(page)} elements, and ${nodes} at first`)
  await page.getByRole('button', { name: /^Jump to newest/ }).click()
  await newest.waitFor()
})

/** Returns the position of the first event on the page. */
async function firstOn(page: Page): Promise<number> {
  const text = await page.locator('.windowed-list article').first().textContent()
  return Number(/at (\d+)/.exec(text ?? '')?.[1])
}

const nodesOn = (page: Page) => page.evaluate<number>("document.querySelectorAll('*').length")
