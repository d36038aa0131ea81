import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Command, PermissionRequest } from '../../src/protocol/index.ts'
import { openBrowser } from '../support/browser.ts'
import { asked, button, scrollToEnd } from '../support/console-request.ts'
import { agentsOn, ConsoleStage, shows } from '../support/console-stage.ts'
import { type LightDaemon, statusOf } from '../support/light-daemon.ts'
import { requestFor } from '../support/scripted-agent.ts'
import { until } from '../support/wait.ts'

const browser = await openBrowser({ after })

const WHOLE = requestFor('r1', { command: `echo ${'x'.repeat(20_000)}; echo the end` })
/** The request as a status contains it. */
const BARE: PermissionRequest = { ...WHOLE, input: {}, input_omitted: true }

const tells = (daemon: LightDaemon, ...requests: PermissionRequest[]) => {
  const events = requests.map((request, at) => ({
    kind: 'permission_request',
    offset: at,
    index: 0,
    ...request,
  }))
  daemon.send({ type: 'agent:activity', agent_id: 'a', from: 0, to: requests.length, events })
}

test('a request whose input is too long for a status is shown whole before it can be allowed', async (t) => {
  const { page, daemon, sheet } = await asked(t, browser, BARE)
  await sheet.getByText('Loading the whole request…').waitFor()
  assert.equal(await button(sheet, 'Allow once').count(), 0)
  // An earlier request with the same id is another request.
  tells(daemon, requestFor('r1', { command: 'something else' }), WHOLE)
  await sheet.getByText('echo the end').waitFor()
  assert.equal(await sheet.getByText('something else').count(), 0)
  await scrollToEnd(page)
  await button(sheet, 'Allow once').click()
  const answer = (await daemon.command('agent:permission')) as Extract<Command, { type: 'agent:permission' }>
  assert.deepEqual([answer.request_id, answer.digest, answer.decision], ['r1', WHOLE.digest, 'allow'])
})

test('a request whose input never arrives can only be denied', async (t) => {
  const { daemon, sheet } = await asked(t, browser, BARE)
  tells(daemon, requestFor('r1', { command: 'something else' }))
  await sheet.getByText('The hub does not have the whole request yet. Here, you can only deny it.').waitFor()
  assert.equal(await sheet.getByText('something else').count(), 0)
  assert.equal(await button(sheet, /Allow/).count(), 0)
  await button(sheet, 'Deny…').click()
  await button(sheet, 'Deny').click()
  const answer = (await daemon.command('agent:permission')) as Extract<Command, { type: 'agent:permission' }>
  assert.deepEqual([answer.digest, answer.decision], [WHOLE.digest, 'deny'])
})

test('requests that a status leaves out are found in the history, and answered', async (t) => {
  const stage = await ConsoleStage.open(t, browser)
  const status = (revision: number) =>
    statusOf('a', { state: 'waiting', pending_omitted: 2, revision, end: 2 })
  const daemon = await stage.machine({ agents: [status(1)] })
  const other = requestFor('r2', { command: 'npm test' })
  tells(daemon, WHOLE, other)
  const { page } = await stage.signedIn({ path: '/agents/machine-1/a' })
  const review = page.getByRole('button', { name: 'Review its request to use Bash' })
  await review.nth(1).waitFor()
  assert.equal(await page.getByText('the hub does not list').count(), 0)
  await review.nth(1).click()
  const sheet = page.getByRole('dialog')
  await sheet.getByText('npm test').waitFor()
  // A newer status does not close the sheet.
  daemon.send({ type: 'agent:status', ...status(2), title: 'Another title' })
  await page.getByRole('heading', { name: 'Another title' }).waitFor({ state: 'attached' })
  await button(sheet, 'Allow once').click()
  const answer = (await daemon.command('agent:permission')) as Extract<Command, { type: 'agent:permission' }>
  assert.deepEqual([answer.request_id, answer.digest, answer.decision], ['r2', other.digest, 'allow'])
  daemon.answer(answer)
  daemon.send({ type: 'agent:status', ...statusOf('a', { state: 'waiting', pending: [WHOLE], revision: 3 }) })
  await review.nth(1).waitFor({ state: 'detached' })
  assert.equal(await review.count(), 1)
})

test('an agent whose status leaves out its requests waits for a person, and its page says where to answer', async (t) => {
  const stage = await ConsoleStage.open(t, browser)
  await stage.machine({ agents: [statusOf('a', { state: 'waiting', pending_omitted: 2, end: 0 })] })
  const { page } = await stage.signedIn()
  await shows(() => agentsOn(page), { 'Waiting for a person 1': ['a'] })
  await page.locator('main details li a').click()
  const bar = page.getByRole('region', { name: 'Requests that wait for you' })
  await bar.getByText('2 requests that the hub does not list. To read and answer:').waitFor()
  await bar.getByText('fomular-daemon agent show a').waitFor()
})

test('requests are found that reach the hub after the status that leaves them out, with one search at a time', async (t) => {
  const stage = await ConsoleStage.open(t, browser)
  const status = (revision: number) =>
    statusOf('a', { state: 'waiting', pending_omitted: 1, revision, end: 1, title: `Title ${revision}` })
  const daemon = await stage.machine({ agents: [status(1)] })
  const { page } = await stage.signedIn()
  const held: (() => void)[] = []
  let isHolding = true
  // The page also reads the end of the history, for the conversation.
  await page.route(/\/events(\?(?!.*before)|$)/, async (request) => {
    if (isHolding) await new Promise<void>((go) => held.push(go))
    await request.continue()
  })
  await page.locator('main details li a').click()
  await page.getByText('1 request that the hub does not list.').waitFor()
  tells(daemon, WHOLE)
  await until(() => held.length > 0, { what: 'a search' })
  for (const revision of [2, 3, 4]) {
    daemon.send({ type: 'agent:status', ...status(revision) })
    await page.getByRole('heading', { name: `Title ${revision}` }).waitFor({ state: 'attached' })
  }
  assert.equal(held.length, 1)
  isHolding = false
  for (const go of held) go()
  await page.getByRole('button', { name: 'Review its request to use Bash' }).waitFor()
  assert.equal(await page.getByText('the hub does not list').count(), 0)
})
