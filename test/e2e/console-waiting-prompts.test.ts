import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { DAEMON_CAPABILITIES } from '../../src/protocol/index.ts'
import { violationsOn } from '../support/accessibility.ts'
import { openBrowser } from '../support/browser.ts'
import { ConsoleStage, shows } from '../support/console-stage.ts'
import { fakeStage } from '../support/fake-agent.ts'
import { statusOf } from '../support/light-daemon.ts'
import { prompt } from '../support/turns.ts'

const browser = await openBrowser({ after })

test('prompts that wait are above the field, and go back into it when a person withdraws them', async (t) => {
  const stage = await ConsoleStage.open(t, browser, () => fakeStage(t))
  const { stage: machine } = stage
  await machine.daemon()
  const agent = await machine.start({ prompt: 'hang' })
  await machine.agentIs(agent, 'working')
  const path = `/agents/${(await machine.machine())!.machine_id}/${agent}`
  const { page } = await stage.signedIn({ path })
  const field = page.getByRole('textbox', { name: 'Prompt' })
  const waiting = page.getByRole('region', { name: 'Prompts that wait for the agent' })
  const texts = () => waiting.locator('li p').allTextContents()

  await field.fill('Now the docs,\nall of them')
  await page.getByRole('button', { name: 'Send' }).click()
  await shows(texts, ['Now the docs,\nall of them'])
  await prompt(machine, agent, 'from elsewhere')
  const taken = await prompt(machine, agent, 'for another client')
  await shows(texts, ['Now the docs,\nall of them', 'from elsewhere', 'for another client'])
  const viewer = await stage.signedIn({ path, key: await stage.key('vera', 'viewer') })
  const seen = viewer.page.getByRole('region', { name: 'Prompts that wait for the agent' })
  await shows(() => seen.locator('li p').count(), 3)
  assert.equal(await seen.getByRole('button').count(), 0)
  for (const look of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: look })
    assert.deepEqual(await violationsOn(page), [])
  }

  // With the keyboard alone.
  const button = page.getByRole('button', { name: 'Withdraw: Now the docs' })
  const { height = 0, width = 0 } = (await button.boundingBox()) ?? {}
  assert.ok(Math.min(height, width) >= 44, `${width} × ${height}`)
  await button.focus()
  await page.keyboard.press('Enter')
  await shows(texts, ['from elsewhere', 'for another client'])
  await shows(() => field.inputValue(), 'Now the docs,\nall of them')
  assert.ok(await field.evaluate((element) => element === document.activeElement))
  await page
    .getByRole('status')
    .filter({ hasText: 'The prompt is withdrawn. You can edit it below.' })
    .waitFor()

  // A draft is kept.
  await page.getByRole('button', { name: 'Withdraw: from elsewhere' }).click()
  await shows(texts, ['for another client'])
  assert.equal(await field.inputValue(), 'Now the docs,\nall of them')

  assert.equal((await machine.command(agent, 'withdraw', { prompt_id: taken })).state, 'succeeded')
  await waiting.waitFor({ state: 'detached' })
  await seen.waitFor({ state: 'detached' })
})

test('a person learns that a withdrawal came too late, or that the daemon of the machine is too old', async (t) => {
  const stage = await ConsoleStage.open(t, browser)
  const prompt_id = '00000000-0000-8000-8000-000000000001'
  const waiting_prompts = [{ prompt_id, text: 'x'.repeat(10), cut: true, images: 2 }]
  const working = { state: 'working', undelivered_prompts: 1 } as const
  const daemon = await stage.machine({ agents: [statusOf('a', { ...working, waiting_prompts })] })
  const visitor = await stage.signedIn({ path: '/agents/machine-1/a' })
  const { page } = visitor
  visitor.expects(/422/)
  await page.getByText('xxxxxxxxxx… [2 images]').waitFor()
  await page.getByRole('button', { name: /^Withdraw: x/ }).click()
  const command = await daemon.command('agent:withdraw')
  assert.equal((command as { prompt_id?: string }).prompt_id, prompt_id)
  daemon.answer(command, { ok: false, error: { code: 'prompt_taken', message: 'a has taken it.' } })
  await page.getByRole('alert').getByText('Too late: the agent has already read the prompt.').waitFor()

  const capabilities = DAEMON_CAPABILITIES.filter((name) => name !== 'agent:withdraw')
  await stage.machine({ machine_id: 'old', capabilities, agents: [statusOf('b', working)] })
  await page.goto(`${stage.stage.hubUrl}/#/agents/old/b`)
  await page.getByText("To see and withdraw them, update the machine's daemon.").waitFor()
})
