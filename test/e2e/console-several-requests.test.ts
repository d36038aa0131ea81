import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Event } from '../../src/protocol/index.ts'
import { violationsOn } from '../support/accessibility.ts'
import { openBrowser, PHONE } from '../support/browser.ts'
import { asked, button } from '../support/console-request.ts'
import { LOST } from '../support/console-stage.ts'
import { statusOf } from '../support/light-daemon.ts'
import { requestFor } from '../support/scripted-agent.ts'

const browser = await openBrowser({ after })

const first = requestFor('r1', { command: 'first' })
const second = requestFor('r2', { command: 'second' })
const ANSWERED = 'The request has been answered, or the agent no longer needs it.'

test('each request has its own sheet, no matter when answers, statuses, and links arrive', async (t) => {
  const { page, daemon, sheet, review } = await asked(t, browser, first)
  const status = (revision: number, ...pending: object[]) =>
    daemon.send({
      type: 'agent:status',
      ...statusOf('a', { revision, title: 'Fix the tests', state: 'waiting' }),
      pending,
    } as never)
  status(2, first, second)
  // A link, such as that of a notification, opens its request.
  await page.evaluate("location.hash = location.hash.replace(/request=r1/, 'request=r2')")
  await sheet.getByText('second').waitFor()
  assert.equal(await sheet.getByText('first').count(), 0)
  await page.keyboard.press('Escape')
  await sheet.waitFor({ state: 'detached' })
  assert.deepEqual(await review.allTextContents(), [
    'Review its request to use Bash: first',
    'Review its request to use Bash: second',
  ])
  assert.notEqual(await page.evaluate('document.activeElement.localName'), 'body')

  // The status without the request arrives before the outcome of the answer.
  await review.first().click()
  await button(sheet, 'Allow once').click()
  const allowed = await daemon.command('agent:permission')
  status(3, second)
  await page.getByText('Review its request to use Bash', { exact: true }).waitFor({ state: 'attached' })
  daemon.answer(allowed)
  await sheet.waitFor({ state: 'detached' })
  await page.getByText('Allowed.').waitFor()
  assert.equal(await page.getByText(ANSWERED).count(), 0)
  assert.notEqual(await page.evaluate('document.activeElement.localName'), 'body')

  // A link to a request that is over says so.
  await page.evaluate("location.hash += '?request=r1'")
  await page.getByText(ANSWERED).waitFor()
  assert.equal(await page.title(), 'Fix the tests – FomularOS')
})

test('an offer that may be permanent does not claim to be for the session', async (t) => {
  const permanent = {
    type: 'addRules',
    rules: [{ toolName: 'Bash' }],
    behavior: 'allow',
    destination: 'userSettings',
  }
  const edit = requestFor(
    'r1',
    { file_path: '/a', old_string: 'b', new_string: 'c' },
    { tool: 'Edit', suggestions: [permanent] },
  )
  const { page, daemon, sheet } = await asked(t, browser, edit)
  await button(sheet, 'Always…').click()
  assert.equal(await sheet.getByText('Remember for this session').count(), 0)
  const box = sheet.getByLabel(/^Remember exactly this, maybe longer than the session: .*userSettings/)
  // The keyboard is at the first control of the step.
  assert.ok(await box.evaluate((element) => element === element.ownerDocument.activeElement))
  await page.keyboard.press('Space')
  await button(sheet, 'Allow and remember').press('Enter')
  const { remember } = (await daemon.command('agent:permission')) as { remember?: unknown }
  assert.deepEqual(remember, [permanent])
})

test('a viewer reads questions and forms, and cannot change them', async (t) => {
  const questions = [{ question: 'Which name?', options: [{ label: 'Keep it' }] }]
  const { sheet } = await asked(t, browser, requestFor('r1', {}, { ask: 'question', questions }), {
    role: 'viewer',
  })
  assert.ok(await sheet.getByRole('group', { name: 'Which name?' }).getByLabel('Keep it').isDisabled())
  await sheet.getByText('Your role does not allow answers.').waitFor()
  assert.deepEqual(await sheet.getByRole('button').allTextContents(), ['×'])
})

test('a double tap on Decline… refuses nothing, and Answer names its obstacle', async (t) => {
  const questions = [{ question: 'Which name?', options: [{ label: 'Keep it' }] }]
  const { page, daemon, sheet } = await asked(
    t,
    browser,
    requestFor('r1', {}, { ask: 'question', questions, description: 'For the shop' }),
    { look: { viewport: PHONE, hasTouch: true, isMobile: true } },
  )
  await sheet.getByText('For the shop').waitFor()
  await sheet.getByText('Answer each question first.').waitFor()
  const { x, y } = (await button(sheet, 'Decline…').boundingBox())!
  await page.touchscreen.tap(x + 40, y + 24)
  await page.touchscreen.tap(x + 40, y + 24)
  await button(sheet, 'Decline').waitFor()
  await sheet.getByText('Keep it').tap()
  await button(sheet, 'Answer').tap()
  daemon.answer(await daemon.command('agent:answer'))
  await sheet.waitFor({ state: 'detached' })
  assert.equal(daemon.ofType('agent:permission').length, 0)
})

test('another session in the same browser does not stop an open page', async (t) => {
  const { stage, visitor, page, daemon, sheet } = await asked(t, browser, first)
  // The hub ends the streams of the session that was replaced.
  visitor.expects(LOST)
  visitor.expects(/status of 401/)
  await page.evaluate("document.querySelector('dialog').dataset.before = ''")
  const tab = await page.context().newPage()
  await tab.goto(`${stage.stage.hubUrl}/#${await stage.signInLink()}`)
  await tab.getByRole('button', { name: 'Sign out' }).waitFor()
  // The sheet opens again, because its address is the same.
  const again = page.locator('dialog:not([data-before])')
  await again.waitFor()
  await button(again, 'Allow once').click()
  daemon.answer(await daemon.command('agent:permission'))
  await sheet.waitFor({ state: 'detached' })
})

test('axe-core finds nothing on a page with headings of an agent', async (t) => {
  const { page, daemon } = await asked(t, browser, first, { isOpen: false })
  const text = '# Title\n\n#### Part\n\ntext'
  const events: Event[] = [{ kind: 'text', offset: 0, index: 0, text, message_id: 'm' }]
  daemon.send({ type: 'agent:activity', agent_id: 'a', from: 0, to: 10, events })
  await page.getByRole('heading', { name: 'Part' }).waitFor()
  assert.deepEqual(await violationsOn(page), [])
})
