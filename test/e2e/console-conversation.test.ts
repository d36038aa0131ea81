import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { openBrowser } from '../support/browser.ts'
import { claudeStage } from '../support/claude-stage.ts'
import { ConsoleStage, LOST, shows } from '../support/console-stage.ts'
import { QUESTION } from '../support/desk.ts'
import { mock } from '../support/messages-script.ts'
import type { Cleanup } from '../support/temp.ts'
import { until } from '../support/wait.ts'

const browser = await openBrowser({ after })

/** Opens a hub, a daemon with the real Claude Code, and the console of a person who is signed in. */
async function open(t: Cleanup) {
  const stage = await ConsoleStage.open(t, browser, async () => (await claudeStage(t)).stage)
  await stage.stage.daemon()
  const visitor = await stage.signedIn()
  return { stage, visitor, page: visitor.page, cwd: stage.stage.cwd }
}

test('a person starts an agent, watches it, and allows, denies, and answers what it asks', async (t) => {
  const { page, cwd } = await open(t)
  const touch = (name: string) => ({
    tool: 'Bash',
    input: { command: `touch ${name}`, description: 'make it' },
  })
  const script = mock(
    [{ text: 'I begin.' }, touch('yes')],
    [touch('no')],
    [{ tool: 'AskUserQuestion', input: QUESTION }],
    [{ text: 'All is done.' }],
  )
  await page.getByRole('button', { name: 'Start an agent…' }).first().click()
  const dialog = page.getByRole('dialog', { name: 'Start an agent' })
  await dialog.getByLabel('Folder on the machine').fill(cwd)
  await dialog.getByRole('textbox', { name: 'What should the agent do?' }).fill(script)
  await dialog.getByRole('button', { name: 'Start agent' }).click()
  await page.waitForURL(/#\/agents\//)
  const log = page.getByLabel('Conversation')
  await log.getByText('I begin.', { exact: true }).waitFor()

  const sheet = page.getByRole('dialog')
  const review = page.getByRole('button', { name: 'Review its request to use Bash' })
  await review.click()
  await sheet.getByText('touch yes').waitFor()
  await sheet.getByRole('button', { name: 'Allow once' }).click()
  await until(() => existsSync(join(cwd, 'yes')), { what: 'the allowed command' })
  await review.click()
  await sheet.getByText('touch no').waitFor()
  await sheet.getByRole('button', { name: 'Deny…' }).click()
  await sheet.getByLabel(/^Message for the agent/).fill('Leave it out.')
  await sheet.getByRole('button', { name: 'Deny', exact: true }).click()
  await page.getByRole('button', { name: 'Answer its question' }).click()
  await sheet.getByLabel('Apache-2.0').check()
  await sheet.getByRole('button', { name: 'Answer' }).click()
  await log.getByText('All is done.', { exact: true }).waitFor()
  assert.ok(!existsSync(join(cwd, 'no')))

  await page.getByRole('textbox', { name: 'Prompt' }).fill(`Next ${mock([{ text: 'The second turn.' }])}`)
  await page.getByRole('button', { name: 'Send' }).click()
  await log.getByText('The second turn.', { exact: true }).waitFor()
})

test('a text that streams while the hub is killed is whole in the end, with nothing twice', async (t) => {
  const { stage, visitor, page } = await open(t)
  const agent = await stage.stage.start({ prompt: mock([{ text: 'tick ', repeat: 500, every: 20 }]) })
  const { machine_id } = (await stage.stage.machine())!
  await page.goto(`${stage.stage.hubUrl}/#/agents/${machine_id}/${agent}`)
  const text = page.getByLabel('Conversation').getByText(/(tick ){5}/)
  await text.waitFor()
  visitor.expects(LOST)
  await stage.killHub()
  const lost = page.getByRole('status').filter({ hasText: 'Not live' })
  await lost.first().waitFor()
  await stage.startHub()
  await stage.stage.eventually(agent, 'turn_result')
  await shows(async () => (await text.allTextContents()).map((each) => each.match(/tick/g)?.length), [500])
  await shows(() => lost.count(), 0)
})
