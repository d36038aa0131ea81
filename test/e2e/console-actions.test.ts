import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { openBrowser } from '../support/browser.ts'
import { ConsoleStage, shows } from '../support/console-stage.ts'
import { statusOf } from '../support/light-daemon.ts'

const browser = await openBrowser({ after })

test('the buttons for an agent give its machine the orders that they name', async (t) => {
  const stage = await ConsoleStage.open(t, browser)
  const working = { state: 'working', model: 'sonnet', permission_mode: 'default' } as const
  const daemon = await stage.machine({ agents: [statusOf('a', working)] })
  const { page } = await stage.signedIn({ path: '/agents/machine-1/a' })
  const tell = (revision: number, status: Parameters<typeof statusOf>[1]) =>
    daemon.send({ type: 'agent:status', ...statusOf('a', { ...working, revision, ...status }) })
  const press = (name: string) => page.getByRole('button', { name, exact: true }).click()
  const said = (text: string) => page.getByRole('status').filter({ hasText: text }).waitFor()

  await press('Interrupt')
  daemon.answer(await daemon.command('agent:interrupt'))
  await said('The turn is interrupted.')

  await press('Settings…')
  const settings = page.getByRole('dialog', { name: 'Settings of the agent' })
  await settings.getByLabel('Model').fill('opus')
  await settings.getByLabel('Permission mode').selectOption('acceptEdits')
  await settings.getByRole('button', { name: 'Change settings' }).click()
  const configure = await daemon.command('agent:configure')
  const { model, permission_mode, on_limit } = { on_limit: undefined, ...configure } as Record<
    string,
    unknown
  >
  assert.deepEqual([model, permission_mode, on_limit], ['opus', 'acceptEdits', undefined])
  daemon.answer(configure)
  await said('The settings are changed.')
  await settings.waitFor({ state: 'detached' })

  await press('Stop agent')
  daemon.answer(await daemon.command('agent:stop'))
  await said('The agent has stopped.')
  tell(2, { state: 'exited', exit: { code: 0, reason: 'stopped' } })

  await press('Resume…')
  const resume = page.getByRole('dialog', { name: 'Resume the agent' })
  await resume.getByRole('textbox').fill('Continue with the docs')
  await resume.getByRole('button', { name: 'Resume agent' }).click()
  const command = await daemon.command('agent:resume')
  assert.equal((command as { prompt?: unknown }).prompt, 'Continue with the docs')
  daemon.answer(command)
  await said('The agent runs again.')
  tell(3, { state: 'idle', run: 2 })
  await page.getByRole('button', { name: 'Stop agent' }).waitFor()
})

test('without TLS, a person reads, sends prompts, and starts agents, and learns how to copy a text', async (t) => {
  const stage = await ConsoleStage.open(t, browser)
  const daemon = await stage.machine({ agents: [statusOf('a', { end: 20 })] })
  const text = '```sh\nls\n```'
  const use = { kind: 'tool_use', tool: 'mcp__a__b', input: { note: 'line\n'.repeat(50) } }
  const events = [
    { kind: 'text', offset: 0, index: 0, text },
    { ...use, offset: 1, index: 0, tool_use_id: 't1' },
    { ...use, offset: 2, index: 0, tool_use_id: 't2' },
  ]
  daemon.send({ type: 'agent:activity', agent_id: 'a', from: 0, to: 20, events })
  const { page } = await stage.visit('/agents/machine-1/a')
  // Browsers remove these features from pages without TLS, except at addresses of their own machine.
  await page.addInitScript(`
    delete Crypto.prototype.randomUUID
    delete Navigator.prototype.clipboard
    Object.defineProperty(window, 'isSecureContext', { value: false })
  `)
  await page.reload()
  await page.getByLabel('User key').fill(stage.stage.userKey())
  await page.getByRole('button', { name: 'Sign in' }).click()

  // What a person unfolds in one tool use stays folded in another.
  const uses = page.locator('.tool')
  for (const at of [0, 1]) await uses.nth(at).locator('summary').click()
  const rest = page.getByRole('button', { name: /^Show all/ })
  await shows(() => rest.count(), 2)
  await rest.first().click()
  await shows(() => rest.count(), 1)

  await page.getByRole('button', { name: 'Copy', exact: true }).first().click()
  const advice = page.getByRole('alert').filter({ hasText: 'Select the text' })
  await advice.getByRole('button', { name: 'Dismiss' }).click()
  await page.getByRole('textbox', { name: 'Prompt' }).fill('hello')
  await page.getByRole('button', { name: 'Send' }).click()
  assert.equal(((await daemon.command('agent:prompt')) as { content?: unknown }).content, 'hello')

  await page.getByRole('link', { name: 'Fleet' }).click()
  await page.getByRole('button', { name: 'Start an agent…' }).click()
  const dialog = page.getByRole('dialog', { name: 'Start an agent' })
  await dialog.getByLabel('Folder on the machine').fill('/tmp')
  // What a person has entered is there again after a key that closes the dialog.
  await page.keyboard.press('Escape')
  await dialog.waitFor({ state: 'detached' })
  await page.getByRole('button', { name: 'Start an agent…' }).click()
  await dialog.getByRole('button', { name: 'Start agent' }).click()
  const start = await daemon.command('agent:start')
  assert.equal((start as { spec?: { cwd?: string } }).spec?.cwd, '/tmp')

  await page.goto(`${stage.stage.hubUrl}/#/notifications`)
  const trust = page.getByRole('region', { name: 'Trusted addresses' })
  await trust.getByText(stage.stage.hubUrl).waitFor()
  await trust.getByText('Install a certificate › CA certificate').waitFor()
})
