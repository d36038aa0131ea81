import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { openBrowser } from '../support/browser.ts'
import { agentsOn, ConsoleStage, LOST, shows } from '../support/console-stage.ts'
import { type LightDaemon, statusOf } from '../support/light-daemon.ts'
import { requestFor } from '../support/scripted-agent.ts'

const browser = await openBrowser({ after })

const at = (minute: number) => ({ since: `2026-01-01T00:${String(minute).padStart(2, '0')}:00.000Z` })
const tell = (daemon: LightDaemon, ...[id, status]: Parameters<typeof statusOf>) =>
  daemon.send({ type: 'agent:status', ...statusOf(id, status) })

const AGENTS = [
  statusOf('a1', { title: 'asks', state: 'waiting', pending: [requestFor('r1', { command: 'ls' })] }),
  statusOf('a2', { title: 'fails', state: 'failed', failure: { code: 'x', message: 'No login.' } }),
  statusOf('a3', { title: 'at its limit', limited: {} }),
  statusOf('a4', { title: 'queues', state: 'starting', queued: { since: at(0).since, place: 1 } }),
  statusOf('a5', { title: 'works', state: 'working' }),
  statusOf('a6', { title: 'rests', ...at(1) }),
  statusOf('a7', { title: 'rests since later', ...at(2) }),
  statusOf('a8', { title: 'ended', state: 'exited', exit: { code: 0, reason: 'finished' } }),
]

const GROUPED = {
  'Waiting for a person 1': ['asks'],
  'Failed 1': ['fails'],
  'At a usage limit 1': ['at its limit'],
  'Queued 1': ['queues'],
  'Working 1': ['works'],
  'Idle 2': ['rests since later', 'rests'],
  'Ended 1': ['ended'],
}

test('the fleet page groups agents by what a person must do, and changes as they change', async (t) => {
  const stage = await ConsoleStage.open(t, browser)
  const daemon = await stage.machine({ agents: AGENTS })
  const { page } = await stage.signedIn()
  await shows(() => agentsOn(page), GROUPED)
  assert.deepEqual(Object.keys(await agentsOn(page)), Object.keys(GROUPED))
  await page.getByText('Asks to use Bash').waitFor()
  await page.getByText('No login.').waitFor()
  await page.getByRole('link', { name: /^host-1 Connected 8 agents/ }).waitFor()

  tell(daemon, 'a5', { revision: 2, title: 'works', ...at(3) })
  tell(daemon, 'a9', { title: 'is new', state: 'working' })
  const { 'Idle 2': _, ...rest } = GROUPED
  await shows(() => agentsOn(page), {
    ...rest,
    'Working 1': ['is new'],
    'Idle 3': ['works', 'rests since later', 'rests'],
  })
})

test('filters are in the address, and survive a reload and a way back', async (t) => {
  const stage = await ConsoleStage.open(t, browser)
  await stage.machine({ agents: AGENTS, hostname: 'build-1' })
  await stage.machine({
    machine_id: 'machine-2',
    hostname: 'build-2',
    agents: [statusOf('b1', { title: 'rests' })],
  })
  const { page } = await stage.signedIn()
  await page.getByRole('searchbox', { name: 'Search agents' }).fill('rests')
  await page.getByRole('button', { name: /^Idle 3/ }).click()
  const filtered = { 'Idle 3': ['rests since later', 'rests', 'rests'] }
  await shows(() => agentsOn(page), filtered)

  await page.reload()
  await shows(() => agentsOn(page), filtered)
  assert.equal(await page.getByRole('searchbox').inputValue(), 'rests')
  assert.equal(await page.getByRole('button', { name: /^Idle 3/ }).getAttribute('aria-pressed'), 'true')

  await page.getByRole('link', { name: /^build-2/ }).click()
  await page.getByRole('heading', { name: 'build-2' }).waitFor()
  await page.getByRole('link', { name: 'Show its agents' }).click()
  await shows(() => agentsOn(page), { 'Idle 1': ['rests'] })
  await page.goBack()
  await page.getByRole('heading', { name: 'build-2' }).waitFor()
  await page.goBack()
  await shows(() => agentsOn(page), filtered)
})

test('a search without a match says so, and a machine that leaves the hub leaves the page', async (t) => {
  const stage = await ConsoleStage.open(t, browser)
  await stage.machine({ agents: AGENTS })
  const other = await stage.machine({
    machine_id: 'machine-2',
    hostname: 'build-2',
    agents: [statusOf('b1')],
  })
  const { page } = await stage.signedIn()
  await page.getByRole('searchbox').fill('no such agent')
  await page.getByText('No agent matches.').waitFor()
  await page.getByRole('searchbox').fill('b1')
  await shows(() => agentsOn(page), { 'Idle 1': ['b1'] })
  const card = page.getByRole('link', { name: /^build-2/ })
  await other.close()
  await card.filter({ hasText: 'Not connected since' }).waitFor()
  await stage.stage.request('DELETE', '/api/machines/machine-2?force=true')
  await card.waitFor({ state: 'detached' })
  await page.getByText('No agent matches.').waitFor()
})

test('while the hub is away, the page says that it is not live; then it is current again, with nothing twice', async (t) => {
  const stage = await ConsoleStage.open(t, browser)
  await stage.machine({ agents: AGENTS })
  const visitor = await stage.signedIn()
  const { page } = visitor
  await shows(() => agentsOn(page), GROUPED)
  visitor.expects(LOST)
  await stage.killHub()
  const lost = page.getByRole('status').filter({ hasText: 'Not live' })
  await lost.waitFor()
  assert.deepEqual(await agentsOn(page), GROUPED)

  await stage.startHub()
  const changed = AGENTS.filter(({ agent_id }) => agent_id !== 'a8').map((agent) =>
    agent.agent_id === 'a5'
      ? { ...agent, title: 'worked', revision: 2, state: 'idle' as const, ...at(9) }
      : agent,
  )
  await stage.machine({ agents: [...changed, statusOf('a9', { title: 'is new', state: 'working' })] })
  await lost.waitFor({ state: 'detached' })
  await shows(async () => (await agentsOn(page))['Idle 3'], ['worked', 'rests since later', 'rests'])
  const now = await agentsOn(page)
  assert.deepEqual(now['Working 1'], ['is new'])
  assert.deepEqual(now['Waiting for a person 1'], ['asks'])
})

test('before the hub has named its machines, no page says that there are none; a dialog outlives a restart of the hub', async (t) => {
  const stage = await ConsoleStage.open(t, browser)
  await stage.machine({ agents: AGENTS })
  const visitor = await stage.signedIn({ key: await stage.key('olga', 'operator') })
  const { page } = visitor
  await shows(() => agentsOn(page), GROUPED)
  visitor.expects(LOST)
  visitor.expects(/503/)
  const refusal = { error: { code: 'too_many_streams', message: 'The hub has too many streams.' } }
  await page.route('**/api/stream*', (route) => route.fulfill({ status: 503, json: refusal }))
  await page.reload()
  const reason = page.getByRole('alert').filter({ hasText: 'too many streams' })
  await reason.waitFor()
  assert.equal(await page.getByText('Add the first machine').count(), 0)
  await page.goto(`${stage.stage.hubUrl}/#/machines/machine-1`)
  await reason.waitFor()
  await page.unroute('**/api/stream*')
  await page.getByRole('heading', { name: 'host-1' }).waitFor()

  await page.getByRole('button', { name: 'Start an agent…' }).click()
  const prompt = page.getByRole('textbox', { name: 'What should the agent do?' })
  await prompt.fill('Fix the tests')
  await stage.killHub()
  const lost = page.getByRole('status').filter({ hasText: 'Not live' })
  await lost.waitFor()
  await stage.startHub()
  await stage.machine({ agents: AGENTS, hostname: 'host-2' })
  await page.getByRole('heading', { name: 'host-2', includeHidden: true }).waitFor()
  assert.equal(await prompt.inputValue(), 'Fix the tests')

  await page.goto(`${stage.stage.hubUrl}/#/keys`)
  await page.getByRole('heading', { name: 'This page is only for admins.' }).waitFor()
})
