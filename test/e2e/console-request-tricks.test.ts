import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { openBrowser, PHONE } from '../support/browser.ts'
import { asked, button, scrollToEnd } from '../support/console-request.ts'
import { ConsoleStage } from '../support/console-stage.ts'
import { statusOf } from '../support/light-daemon.ts'
import { requestFor } from '../support/scripted-agent.ts'
import type { Cleanup } from '../support/temp.ts'

const browser = await openBrowser({ after })

test('a second press right after the sheet opens allows nothing', async (t) => {
  const { page, daemon, sheet } = await asked(t, browser, requestFor('r1', { command: 'ls' }), {
    isOpen: false,
  })
  await page.evaluate(`new Promise((resolve) => {
    document.querySelector('.waiting-bar button').click()
    let opened
    const press = () => {
      const allow = [...document.querySelectorAll('dialog button')].find(({ textContent }) => textContent === 'Allow once')
      if (allow) opened ??= performance.now()
      if (allow && performance.now() - opened > 250) return resolve()
      allow?.click()
      requestAnimationFrame(press)
    }
    press()
  })`)
  assert.equal(daemon.ofType('agent:permission').length, 0)
  await button(sheet, 'Allow once').click()
  await daemon.command('agent:permission')
})

test('a change is allowed only after it is on the page', async (t) => {
  const input = { file_path: '/srv/shop/a.ts', old_string: 'one', new_string: 'two' }
  const { visitor, page, sheet, review } = await asked(
    t,
    browser,
    requestFor('r1', input, { tool: 'Edit' }),
    { isOpen: false },
  )
  visitor.expects(/net::ERR_FAILED/)
  await page.route(/assets\/diff-lines/, (route) => route.abort())
  await review.click()
  await sheet.getByText('The change could not be shown.').waitFor()
  await page.evaluate('new Promise((resolve) => setTimeout(resolve, 1000))')
  assert.ok(await button(sheet, 'Allow once').isDisabled())
})

test('a long rule is remembered only after its end was on the screen', async (t) => {
  const directories = Array.from({ length: 300 }, (_, at) => `/srv/shop/folder-${at}`)
  const suggestions = [
    { type: 'addDirectories', directories: [...directories, '/'], destination: 'localSettings' },
  ]
  const { page, sheet } = await asked(t, browser, requestFor('r1', { command: 'ls' }, { suggestions }), {
    look: { viewport: PHONE },
  })
  await button(sheet, 'Always…').click()
  await sheet.getByRole('checkbox').first().check()
  await page.evaluate('new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)))')
  assert.ok(await button(sheet, 'Allow and remember').isDisabled())
  await button(sheet, 'Deny…').click()
  await button(sheet, 'Back').click()
  assert.ok((await button(sheet, 'Allow once').isDisabled()) === false)
  await button(sheet, 'Always…').click()
  assert.ok(await button(sheet, 'Allow and remember').isDisabled())
  await scrollToEnd(page)
  await button(sheet, 'Allow and remember').and(page.locator(':enabled')).waitFor()
})

test('the sheet of one agent does not stay open on the page of another', async (t) => {
  const stage = await ConsoleStage.open(t, browser)
  const pending = (command: string) => [{ ...requestFor('r1', { command }), digest: undefined }]
  const agents = ['one', 'two'].map((id) => statusOf(id, { pending: pending(`rm ${id}`) }))
  await stage.machine({ agents })
  const { page } = await stage.signedIn({ path: '/agents/machine-1/two' })
  const review = page.getByRole('button', { name: 'Review its request to use Bash' })
  await review.waitFor()
  await page.evaluate("location.hash = '#/agents/machine-1/one'")
  await page.getByRole('heading', { name: 'one' }).waitFor()
  await review.click()
  await page.getByRole('dialog').getByText('rm one').waitFor()
  await page.goBack()
  await page.getByRole('heading', { name: 'two' }).waitFor()
  await review.waitFor()
  assert.equal(await page.getByRole('dialog').count(), 0)
})

/** Opens a request that is too long for a status, so that only the history contains it. */
async function askedAtLength(t: Cleanup, tool: string, input: Record<string, unknown>) {
  const request = requestFor('r1', input, { tool })
  const opened = await asked(t, browser, { ...request, input: {}, input_omitted: true })
  const event = { kind: 'permission_request', offset: 0, index: 0, ...request }
  opened.daemon.send({ type: 'agent:activity', agent_id: 'a', from: 0, to: 10, events: [event] })
  await button(opened.sheet, 'Deny…').waitFor()
  return opened
}

const FIELDS = Object.fromEntries(Array.from({ length: 60_000 }, (_, at) => [`f${at}`, 1]))

for (const [what, tool, input] of [
  ['lines', 'Write', { file_path: '/a', content: 'x\n'.repeat(300_000) }],
  ['fields', 'mcp__a__b', FIELDS],
] as const)
  test(`a request with very many ${what} does not slow down the page`, async (t) => {
    const { page, sheet } = await askedAtLength(t, tool, input)
    await button(sheet, 'Allow once').waitFor()
    assert.ok((await page.evaluate<number>("document.querySelectorAll('dialog *').length")) < 5000)
  })

test('a request that is too long for the page can only be denied', async (t) => {
  const { sheet } = await askedAtLength(t, 'Bash', { command: 'x'.repeat(2_000_000) })
  await sheet.getByText('The request is too long for this page.').waitFor()
  await sheet.getByText('The rest is not shown.').waitFor()
  assert.equal(await button(sheet, 'Allow once').count(), 0)
})
