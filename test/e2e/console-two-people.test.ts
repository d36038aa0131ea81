import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Command } from '../../src/protocol/index.ts'
import { openBrowser } from '../support/browser.ts'
import { button } from '../support/console-request.ts'
import { agentsOn, ConsoleStage, shows } from '../support/console-stage.ts'
import { statusOf } from '../support/light-daemon.ts'
import { requestFor } from '../support/scripted-agent.ts'

const browser = await openBrowser({ after })

test('an operator answers a request that a viewer also reads: the viewer sees it settled, and may not answer', async (t) => {
  const stage = await ConsoleStage.open(t, browser)
  const request = requestFor('r1', { command: 'npm test' })
  const status = { title: 'Fix the tests', state: 'waiting' as const }
  const daemon = await stage.machine({ agents: [statusOf('a', { ...status, pending: [request] })] })
  const keys = { viewer: await stage.key('vic', 'viewer'), operator: await stage.key('olga', 'operator') }
  const path = '/agents/machine-1/a'
  const viewer = await stage.signedIn({ path, key: keys.viewer })
  const operator = await stage.signedIn({ path, key: keys.operator })
  const fleet = await stage.signedIn({ key: keys.viewer })
  await shows(() => agentsOn(fleet.page), { 'Waiting for a person 1': ['Fix the tests'] })

  const sheets = [viewer, operator].map(({ page }) => page.getByRole('dialog'))
  const [read, answered] = [sheets[0]!, sheets[1]!]
  for (const { page } of [viewer, operator])
    await page.getByRole('button', { name: 'Review its request to use Bash' }).click()
  await read.getByText('npm test').waitFor()
  await read.getByText('Your role does not allow answers. Ask an operator.').waitFor()
  assert.deepEqual(await read.getByRole('button').allTextContents(), ['×'])
  assert.equal(await viewer.page.getByRole('textbox', { name: 'Prompt' }).count(), 0)
  // Without the page, too.
  const refused = await fetch(`${stage.stage.hubUrl}/api/agents/a/permission`, {
    method: 'POST',
    headers: { authorization: `Bearer ${keys.viewer}`, 'content-type': 'application/json' },
    body: JSON.stringify({ request_id: 'r1', digest: request.digest, decision: 'allow' }),
  })
  assert.equal(refused.status, 403)

  await button(answered, 'Allow once').click()
  const answer = (await daemon.command('agent:permission')) as Extract<Command, { type: 'agent:permission' }>
  assert.deepEqual([answer.by, answer.decision], ['olga', 'allow'])
  daemon.answer(answer)
  daemon.send({ type: 'agent:status', ...statusOf('a', { ...status, revision: 2, state: 'working' }) })
  await answered.waitFor({ state: 'detached' })
  await read.waitFor({ state: 'detached' })
  await viewer.page.getByText('The request has been answered, or the agent no longer needs it.').waitFor()
  assert.equal(await viewer.page.getByRole('region', { name: 'Requests that wait for you' }).count(), 0)
  await shows(() => agentsOn(fleet.page), { 'Working 1': ['Fix the tests'] })
  assert.equal(daemon.ofType('agent:permission').length, 1)
})
