import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { violationsOn } from '../support/accessibility.ts'
import { openBrowser } from '../support/browser.ts'
import { ConsoleStage, shows } from '../support/console-stage.ts'
import { redeem } from '../support/enroll.ts'
import { LightDaemon } from '../support/light-daemon.ts'

const browser = await openBrowser({ after })

test('an admin adds a machine, renames it, and removes it', async (t) => {
  const stage = await ConsoleStage.open(t, browser)
  const visitor = await stage.signedIn()
  // This hub has no installer.
  visitor.expects(/404.*install\.sh/)
  const { page } = visitor
  const url = stage.stage.hubUrl
  await page.getByRole('button', { name: 'Add a machine…' }).first().click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Name of the machine').fill('builder')
  await dialog.getByRole('button', { name: 'Make the line' }).click()
  await dialog.getByText('Waiting for the machine to connect…').waitFor()
  await dialog.getByText('Show it as a QR code').click()
  await dialog.getByRole('img', { name: 'The line as a QR code' }).waitFor()
  assert.deepEqual(await violationsOn(page), [])
  const line = (await dialog.locator('pre').first().textContent()) ?? ''
  assert.ok(line.includes(url), line)
  const [token = ''] = /fet_[\w-]+/.exec(line) ?? []
  const key = await redeem({ url, token })
  const daemon = await LightDaemon.greet({ url, key })
  t.after(() => daemon.socket.terminate())
  await dialog.getByRole('status').filter({ hasText: 'builder has connected.' }).waitFor()
  await dialog.getByRole('link', { name: 'builder' }).click()

  await page.getByRole('heading', { name: 'builder' }).waitFor()
  await page.getByRole('button', { name: 'Rename…' }).click()
  await dialog.getByLabel('Name').fill('tester')
  await dialog.getByRole('button', { name: 'Rename machine' }).click()
  await page.getByRole('heading', { name: 'tester' }).waitFor()

  await page.getByRole('button', { name: 'Remove…' }).click()
  const remove = dialog.getByRole('button', { name: 'Remove machine' })
  assert.ok(await remove.isDisabled())
  await dialog.getByLabel(/^The machine is connected/).check()
  assert.deepEqual(await violationsOn(page), [])
  await remove.click()
  await page.getByRole('heading', { name: 'Add the first machine' }).waitFor()
  await daemon.ended()

  await page.getByRole('link', { name: 'Audit' }).click()
  const entries = page.locator('.audit-list li > p')
  await shows(
    async () =>
      (await entries.allTextContents()).slice(0, 2).map((text) => text.split(' ').slice(0, 4).join(' ')),
    ['local removed the machine', 'local renamed the machine'],
  )
  await page.getByRole('searchbox', { name: /^Order/ }).fill('machine:rename')
  await shows(() => entries.count(), 1)
  assert.match(page.url(), /action=machine/)
})

test('an admin creates, rotates, and revokes a key, and cancels a line for a machine', async (t) => {
  const stage = await ConsoleStage.open(t, browser)
  await stage.stage.api('POST', '/api/enrolments', { name: 'unused' })
  const { page } = await stage.signedIn({ path: '/keys' })
  const dialog = page.getByRole('dialog')
  const status = async (key: string) => {
    const headers = { authorization: `Bearer ${key}` }
    return (await fetch(`${stage.stage.hubUrl}/api/me`, { headers })).status
  }
  const shownKey = async () => (await dialog.locator('pre').textContent()) ?? ''

  await page.getByRole('button', { name: 'Create a key…' }).click()
  await dialog.getByLabel('Name').fill('vera')
  await dialog.getByLabel('Role').selectOption('operator')
  await dialog.getByRole('button', { name: 'Create key' }).click()
  await dialog.getByText('It is shown only now').waitFor()
  const first = await shownKey()
  assert.equal(await status(first), 200)
  await dialog.getByRole('button', { name: 'Done' }).click()
  const row = page.getByRole('row').filter({ hasText: 'vera' })
  await row.getByText('operator').waitFor()

  await row.getByRole('button', { name: 'Rotate vera…' }).click()
  await dialog.getByRole('button', { name: 'Rotate key' }).click()
  await dialog.getByText('It is shown only now').waitFor()
  const second = await shownKey()
  assert.deepEqual([await status(first), await status(second)], [401, 200])
  await dialog.getByRole('button', { name: 'Done' }).click()

  await row.getByRole('button', { name: 'Revoke vera…' }).click()
  await dialog.getByRole('button', { name: 'Revoke key' }).click()
  await row.waitFor({ state: 'detached' })
  assert.equal(await status(second), 401)

  const line = page.getByRole('row').filter({ hasText: 'unused' })
  await line.getByRole('button', { name: 'Cancel…' }).click()
  await line.getByRole('button', { name: 'Cancel this line' }).click()
  await line.waitFor({ state: 'detached' })
  assert.deepEqual(await violationsOn(page), [])
})
