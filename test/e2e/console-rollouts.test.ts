import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Page } from 'playwright-core'
import type { Command, HubRollout } from '../../src/protocol/index.ts'
import { violationsOn } from '../support/accessibility.ts'
import { DESK, openBrowser, PHONE } from '../support/browser.ts'
import { ConsoleStage } from '../support/console-stage.ts'
import type { LightDaemon } from '../support/light-daemon.ts'

const browser = await openBrowser({ after })

/** A hub with a machine in each of two groups. */
async function openStage(t: Parameters<typeof ConsoleStage.open>[0]) {
  const stage = await ConsoleStage.open(t, browser)
  const machines: LightDaemon[] = []
  for (const [n, group] of ['canary', 'office'].entries()) {
    const machine_id = `machine-${n + 1}`
    machines.push(await stage.machine({ machine_id, hostname: `build-${n + 1}`, daemon_version: '1.0.0' }))
    await stage.stage.api('POST', `/api/machines/${machine_id}/place`, { group })
  }
  const begin = (rest: object = {}) =>
    stage.stage.api<HubRollout>('POST', '/api/rollouts', {
      version: '2.0.0',
      groups: ['canary', 'office'],
      soak_s: 3600,
      ...rest,
    })
  return { stage, machines, begin }
}

/** Answers an order to update. */
async function update(daemon: LightDaemon, result: object = { from_version: '1.0.0', to_version: '2.0.0' }) {
  daemon.answer((await daemon.command('daemon:update')) as Command, result)
}

const status = (page: Page, text: RegExp) => page.getByRole('status').filter({ hasText: text }).waitFor()

const confirm = async (page: Page, button: string) => {
  await page.getByRole('button', { name: `${button}…` }).click()
  await page.getByRole('dialog').getByRole('button', { name: button, exact: true }).click()
  await page.getByRole('dialog').waitFor({ state: 'detached' })
}

test('an administrator starts a rollout, follows it by groups, and pauses, resumes, and rolls it back', async (t) => {
  const { stage, machines } = await openStage(t)
  const visitor = await stage.signedIn({ path: '/rollouts' })
  visitor.expects(/status of 400/)
  const { page } = visitor
  await page.getByText('There are no rollouts.').waitFor()
  await page.getByRole('button', { name: 'Start a rollout…' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByText('The groups are: canary (1), office (1).').waitFor()
  await dialog.getByLabel('Version', { exact: true }).fill('latest')
  await dialog.getByLabel('Groups, in their order').fill('canary, office')
  await dialog.getByRole('button', { name: 'Start rollout' }).click()
  await dialog.getByText('must be an exact version').waitFor()
  await dialog.getByLabel('Version', { exact: true }).fill('2.0.0')
  await dialog.getByRole('button', { name: 'Start rollout' }).click()
  await page.getByRole('heading', { name: 'Rollout of 2.0.0' }).waitFor()
  await page.getByText('1 updating', { exact: true }).waitFor()
  await update(machines[0]!)
  await status(page, /Watching/)
  assert.equal(
    await page.getByRole('progressbar', { name: 'Updated machines of canary' }).getAttribute('value'),
    '1',
  )
  assert.equal(
    await page.getByRole('progressbar', { name: 'Updated machines of office' }).getAttribute('value'),
    '0',
  )
  await confirm(page, 'Pause')
  await status(page, /Paused/)
  await confirm(page, 'Resume')
  await status(page, /Watching/)
  await confirm(page, 'Roll back')
  await status(page, /Rolled back/)
  await page.getByRole('link', { name: 'All rollouts' }).click()
  await page.getByRole('row', { name: /2\.0\.0.*Rolled back.*canary, office/ }).waitFor()
})

test('a failure is shown with its reason, and the version is blocked everywhere and unblocked again', async (t) => {
  const { stage, machines, begin } = await openStage(t)
  const { rollout_id } = await begin()
  await update(machines[0]!, {
    ok: false,
    error: { code: 'update_unproven', message: 'It \u202edoes not start.' },
  })
  const visitor = await stage.signedIn({ path: `/rollouts/${rollout_id}` })
  visitor.expects(/status of 409/)
  const { page } = visitor
  await status(page, /Halted 1 of 2 machines have failed/)
  // Hidden characters are made visible.
  const line = page.getByRole('listitem').filter({ hasText: 'build-1' })
  assert.match((await line.textContent()) ?? '', /update_unproven: It (?!\u202e).*does not start\./)
  await page.getByRole('button', { name: 'Block this version…' }).click()
  const dialog = page.getByRole('dialog')
  assert.equal(await dialog.getByLabel('Version', { exact: true }).inputValue(), '2.0.0')
  await dialog.getByLabel('Reason').fill('It does not start.')
  await dialog.getByRole('button', { name: 'Block version' }).click()
  await dialog.waitFor({ state: 'detached' })
  await page.getByRole('button', { name: 'Resume…' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Resume', exact: true }).click()
  await page.getByRole('alert').filter({ hasText: 'Version 2.0.0 is blocked: It does not start.' }).waitFor()
  await page.getByRole('dialog').getByText('Close', { exact: true }).click()
  await page.getByRole('link', { name: 'Rollouts', exact: true }).click()
  await page.getByRole('listitem').filter({ hasText: '2.0.0 It does not start.' }).waitFor()
  await page.getByRole('button', { name: 'Unblock 2.0.0…' }).click()
  await page.getByRole('button', { name: 'Unblock 2.0.0', exact: true }).click()
  await page.getByText('No version is blocked.').waitFor()
})

test('an operator sees rollouts, but no buttons to change them', async (t) => {
  const { stage, begin } = await openStage(t)
  const { rollout_id } = await begin()
  const key = await stage.key('olga', 'operator')
  const { page } = await stage.signedIn({ path: '/rollouts', key })
  await page.getByRole('link', { name: '2.0.0' }).click()
  await page.waitForURL(new RegExp(`#/rollouts/${rollout_id}$`))
  await page.getByText('1 updating', { exact: true }).waitFor()
  for (const name of [/Start a rollout/, /Pause/, /Roll back/, /Cancel/, /Block/])
    assert.equal(await page.getByRole('button', { name }).count(), 0, String(name))
})

for (const colorScheme of ['light', 'dark'] as const)
  for (const [device, viewport] of Object.entries({ desk: DESK, phone: PHONE }))
    test(`axe-core finds nothing on the pages about rollouts, ${colorScheme}, on a ${device}`, async (t) => {
      const { stage, machines, begin } = await openStage(t)
      await stage.stage.api('POST', '/api/blocked-versions/3.0.0', { reason: 'It is slow.' })
      const { rollout_id } = await begin()
      await update(machines[0]!, {
        ok: false,
        error: { code: 'update_unproven', message: 'It does not start.' },
      })
      const { page } = await stage.signedIn({ path: '/rollouts', look: { viewport, colorScheme } })
      await page.getByRole('link', { name: '2.0.0' }).waitFor()
      const found: Record<string, string[]> = { list: await violationsOn(page) }
      await page.getByRole('button', { name: 'Start a rollout…' }).click()
      await page.getByRole('dialog').waitFor()
      found.start = await violationsOn(page)
      await page.goto(`${stage.stage.hubUrl}/#/rollouts/${rollout_id}`)
      await status(page, /Halted/)
      found.rollout = await violationsOn(page)
      assert.deepEqual(found, { list: [], start: [], rollout: [] })
    })
