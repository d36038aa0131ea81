import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Page } from 'playwright-core'
import { violationsOn } from '../support/accessibility.ts'
import { DESK, openBrowser, PHONE } from '../support/browser.ts'
import { agentsOn, ConsoleStage, shows, signIn } from '../support/console-stage.ts'
import { frameOf, helloOf, statusOf } from '../support/light-daemon.ts'
import { requestFor } from '../support/scripted-agent.ts'

const browser = await openBrowser({ after })

const NOW = '2026-01-01T00:00:00.000Z'
const AGENTS = [
  statusOf('a1', { title: 'asks', state: 'waiting', pending: [requestFor('r1', { command: 'ls' })] }),
  statusOf('a2', { title: 'fails', state: 'failed', failure: { code: 'x', message: 'No login.' } }),
  statusOf('a3', { title: 'works', state: 'working', cwd: `/srv/${'long/'.repeat(40)}` }),
  statusOf('a4', { title: 'rests' }),
]
const MACHINE = {
  ...helloOf().machine,
  runtimes: [
    { name: 'claude', found: true, version: '2.1.332', login: 'logged_in' as const, path: '/usr/bin/claude' },
  ],
  problems: [
    {
      code: 'disk',
      severity: 'warning' as const,
      message: 'The disk is almost full.',
      remedy: 'Delete files.',
      since: NOW,
    },
  ],
}

/** Opens a hub with a machine and agents. */
async function openStage(t: Parameters<typeof ConsoleStage.open>[0]) {
  const stage = await ConsoleStage.open(t, browser)
  await stage.machine({ hostname: 'build-1', machine: MACHINE, agents: AGENTS })
  return stage
}

for (const colorScheme of ['light', 'dark'] as const)
  for (const [device, viewport] of Object.entries({ desk: DESK, phone: PHONE }))
    test(`axe-core finds nothing on the pages about sign-in, the fleet, a machine, and sessions, ${colorScheme}, on a ${device}`, async (t) => {
      const stage = await openStage(t)
      const { page } = await stage.visit('/', { viewport, colorScheme })
      await page.getByLabel('User key').waitFor()
      const found: Record<string, string[]> = { 'sign-in': await violationsOn(page) }
      await signIn(page, stage.stage.userKey())
      await page.getByText('Asks to use Bash').waitFor()
      found.fleet = await violationsOn(page)
      await page.getByRole('link', { name: /^build-1/ }).click()
      await page.getByRole('heading', { name: 'Problems' }).waitFor()
      found.machine = await violationsOn(page)
      await page.goto(`${stage.stage.hubUrl}/#/sessions`)
      await page.getByText('this session').waitFor()
      found.sessions = await violationsOn(page)
      assert.deepEqual(found, { 'sign-in': [], fleet: [], machine: [], sessions: [] })
    })

test('a phone shows, filters, and opens agents by touch alone', async (t) => {
  const stage = await openStage(t)
  const { page } = await stage.visit('/', { viewport: PHONE, hasTouch: true, isMobile: true })
  await page.getByLabel('User key').tap()
  await page.keyboard.insertText(stage.stage.userKey())
  await page.getByRole('button', { name: 'Sign in' }).tap()
  await page.getByRole('button', { name: /^Working 1/ }).tap()
  await shows(() => agentsOn(page), { 'Working 1': ['works'] })
  await page.getByRole('button', { name: /^Working 1/ }).tap()
  await page.locator('summary', { hasText: 'Failed 1' }).tap()
  await page.getByRole('link', { name: /^fails/ }).waitFor({ state: 'hidden' })
  await page.getByRole('link', { name: /^build-1/ }).tap()
  await page.getByRole('link', { name: 'Show its agents' }).tap()
  await page.getByRole('link', { name: /^asks/ }).tap()
  await page.waitForURL(/#\/agents\/machine-1\/a1$/)
})

test('everything that a finger taps on a phone is at least 44 pixels high', async (t) => {
  const stage = await openStage(t)
  const { page } = await stage.visit('/', { viewport: PHONE, hasTouch: true, isMobile: true })
  await page.getByLabel('User key').waitFor()
  assert.deepEqual(await lowOn(page), [])
  await signIn(page, stage.stage.userKey())
  await page.getByText('Asks to use Bash').waitFor()
  assert.deepEqual(await lowOn(page), [])
  await page.getByRole('link', { name: /^build-1/ }).click()
  await page.getByRole('heading', { name: 'Problems' }).waitFor()
  assert.deepEqual(await lowOn(page), [])
  await page.goto(`${stage.stage.hubUrl}/#/sessions`)
  await page.getByText('this session').waitFor()
  assert.deepEqual(await lowOn(page), [])
})

test('on a phone, every page is one tap away, and a conversation has half of the screen', async (t) => {
  const stage = await ConsoleStage.open(t, browser)
  const daemon = await stage.machine({ agents: AGENTS.slice(0, 1) })
  daemon.send(frameOf('a1', 0, 500))
  const { page } = await stage.signedIn({
    path: '/agents/machine-1/a1',
    look: { viewport: PHONE, hasTouch: true, isMobile: true },
  })
  await page.getByText('at 490').waitFor()
  for (const control of await page.getByRole('banner').locator('a:visible, button').all()) {
    const { x, width } = (await control.boundingBox())!
    assert.ok(x >= 0 && x + width <= PHONE.width, (await control.textContent()) ?? '')
  }
  // No link is cut off at the end of the row.
  assert.equal(
    await page.evaluate<number>(
      `(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)(document.querySelector('.shell-bar nav'))`,
    ),
    0,
  )
  const named = await page.getByRole('navigation').first().getByRole('link').allTextContents()
  assert.deepEqual(named, ['Fleet', 'Rollouts', 'Keys', 'Audit', 'Sessions', 'Notifications'])
  // The folder and all buttons are on the screen, also if the path is long.
  const inside = async (what: string) => {
    for (const each of await page.locator(what).all()) {
      const { x, width } = (await each.boundingBox())!
      assert.ok(x >= 0 && x + width <= PHONE.width, `${await each.textContent()} ends at ${x + width}`)
    }
  }
  await inside('.agent-header p > *')
  await inside('.agent-actions-bar button:visible')
  const conversation = (await page.locator('.windowed-list').boundingBox())!
  assert.ok(conversation.height >= PHONE.height / 2, `${conversation.height} pixels`)
  const { y, height } = (await page.locator('.composer').boundingBox())!
  assert.ok(y + height <= PHONE.height + 1)
  await page.getByRole('button', { name: 'More', exact: true }).click()
  await page.getByRole('button', { name: 'Stop agent' }).waitFor()
  await inside('.agent-actions-bar button:visible')
  assert.deepEqual(await lowOn(page), [])
  assert.deepEqual(await violationsOn(page), [])
})

/** Returns the controls on a page that are lower than 44 pixels. A link in a sentence may be. */
const lowOn = (page: Page) =>
  page.evaluate<string[]>(`[...document.querySelectorAll('a, button, input, select, textarea, summary')]
    .map((each) => [each, each.getBoundingClientRect()])
    .filter(([each, { height }]) => height > 0 && height < 44 && each.closest('p') === null)
    .map(([each, { height }]) => each.tagName + ' ' + each.textContent.trim() + ': ' + height)`)

test('the keyboard alone signs in, filters, and reaches an agent, with the focus always visible', async (t) => {
  const stage = await openStage(t)
  const { page } = await stage.visit()
  await page.getByLabel('User key').waitFor()
  await tabTo(page, 'User key')
  await page.keyboard.insertText(stage.stage.userKey())
  await page.keyboard.press('Enter')
  await page.getByText('Asks to use Bash').waitFor()
  await tabTo(page, 'Failed 1')
  await page.keyboard.press('Space')
  await shows(() => agentsOn(page), { 'Failed 1': ['fails'] })
  await tabTo(page, 'fails')
  await page.keyboard.press('Enter')
  await page.waitForURL(/#\/agents\/machine-1\/a2$/)
})

/** Presses Tab until the focus is on the control whose name begins like this. */
async function tabTo(page: Page, name: string) {
  const passed: string[] = []
  for (let n = 0; n < 40; n++) {
    await page.keyboard.press('Tab')
    const [focused, outline] = await page.evaluate<[string, string]>(`(() => {
      const { activeElement: each } = document
      const name = each.getAttribute('aria-label') ?? each.labels?.[0]?.textContent ?? each.textContent
      return [name.trim(), getComputedStyle(each).outlineStyle]
    })()`)
    passed.push(focused)
    assert.notEqual(outline, 'none', `the focus on ${focused} is not visible`)
    if (focused.startsWith(name)) return
  }
  assert.fail(`Tab does not reach ${name}, but ${passed.join(', ')}`)
}
