import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { PushState } from '../../src/protocol/index.ts'
import { violationsOn } from '../support/accessibility.ts'
import { openBrowser, PHONE } from '../support/browser.ts'
import { ConsoleStage, LOST } from '../support/console-stage.ts'
import { statusOf } from '../support/light-daemon.ts'
import { NotifiedBrowser } from '../support/notified-browser.ts'
import { PushService } from '../support/push-service.ts'
import { requestFor } from '../support/scripted-agent.ts'
import { Stage } from '../support/stage.ts'
import type { Cleanup } from '../support/temp.ts'
import { until } from '../support/wait.ts'

const browser = await openBrowser({ after })

const ownStage = (t: Cleanup) => Stage.open(t, { FOMULAR_HUB_PUSH_LOOPBACK: '1' })

/** Opens the page about notifications in the browser of a viewer, and turns notifications on. */
async function notified(t: Cleanup) {
  const service = await PushService.open(t)
  const stage = await ConsoleStage.open(t, browser, ownStage)
  const daemon = await stage.machine({ hostname: 'build-1', agents: [statusOf('a', { title: 'Fix it' })] })
  const visitor = await stage.signedIn({ path: '/notifications', key: await stage.key('ada', 'viewer') })
  const { page } = visitor
  await page.getByRole('heading', { name: 'Notifications' }).waitFor()
  const url = stage.stage.hubUrl
  const person = await NotifiedBrowser.of(page, url, service.subscription('phone'))
  await page.getByRole('button', { name: 'Turn on notifications' }).click()
  await page.getByText('They appear while the console is not in front.').waitFor()
  let revision = 1
  const asks = (...ids: string[]) =>
    daemon.send({
      type: 'agent:status',
      ...statusOf('a', {
        title: 'Fix it',
        revision: ++revision,
        state: ids.length > 0 ? 'waiting' : 'working',
        pending: ids.map((id) => requestFor(id, { command: `npm run ${id}` })),
      }),
    })
  const state = () => stage.stage.api<PushState>('GET', '/api/push')
  return { service, stage, visitor, page, person, asks, state, url }
}

test('a request is pushed to a browser, and its notification leads to the request', async (t) => {
  const { service, page, person, asks, url } = await notified(t)
  await page.goto('about:blank')
  asks('r1')
  await person.deliver(await service.text())
  await person.shows('Allow Bash? npm run r1')
  const [{ title, data }] = (await person.shown()) as [Awaited<ReturnType<typeof person.shown>>[0]]
  assert.equal(title, 'Fix it on build-1')
  await page.goto(`${url}/${data.href}`)
  await page.getByRole('dialog', { name: 'Allow Bash?' }).getByText('npm run r1').waitFor()
})

test('a click on a notification shows the request in the open page, and an answer closes the notification', async (t) => {
  const { service, page, person, asks, url } = await notified(t)
  await page.goto('about:blank')
  asks('r1', 'r2')
  const [one, two] = [await service.message(1), await service.message(2)]
  for (const text of [await service.text(1), await service.text(2)]) await person.deliver(text)
  await person.shows('Allow Bash? npm run r1', 'Allow Bash? npm run r2')
  await page.goto(`${url}/#/`)
  await page.getByRole('link', { name: /Fix it/ }).waitFor()
  const clicked = [one, two].find(({ request_id }) => request_id === 'r2')!
  await person.click(clicked.tag)
  await page.getByRole('dialog', { name: 'Allow Bash?' }).getByText('npm run r2').waitFor()
  await person.shows('Allow Bash? npm run r1')
  asks()
  await person.shows()
})

test('nothing is shown while the page is in front', async (t) => {
  const { service, page, person, asks } = await notified(t)
  asks('r1')
  await person.deliver(await service.text(1))
  await page.goto('about:blank')
  asks('r1', 'r2')
  await person.deliver(await service.text(2))
  await person.shows('Allow Bash? npm run r2')
})

test('a later message closes the notifications about requests that were answered', async (t) => {
  const { service, page, person, asks } = await notified(t)
  await page.goto('about:blank')
  asks('r1')
  const first = await service.text(1)
  await person.deliver(first)
  await person.shows('Allow Bash? npm run r1')
  asks('r2')
  await person.deliver(await service.text(2))
  await person.shows('Allow Bash? npm run r2')
  // An older message arrives late.
  await person.deliver(first)
  await person.shows('Allow Bash? npm run r1', 'Allow Bash? npm run r2')
  await person.deliver('{"title":"A message of another version"}')
  await person.shows('', 'Allow Bash? npm run r1', 'Allow Bash? npm run r2')
})

test('a person chooses kinds, and turns notifications off', async (t) => {
  const { page, state } = await notified(t)
  assert.deepEqual(
    (await state()).subscriptions.map(({ name }) => name),
    ['ada'],
  )
  let saved = 0
  page.on('response', (response) => {
    if (response.request().method() === 'PATCH') saved++
  })
  await page.getByLabel('An agent reaches its usage limit').uncheck()
  await page.getByLabel('An agent ends by itself').check()
  await until(() => saved === 2, { what: 'the answers to both choices' })
  await page.reload()
  await page.getByLabel('An agent ends by itself').and(page.locator(':checked')).waitFor()
  assert.equal(await page.getByLabel('An agent reaches its usage limit').isChecked(), false)
  await page.getByText('They appear while the console is not in front.').waitFor()
  await page.getByRole('button', { name: 'Turn off' }).click()
  await page.getByText('No browser gets notifications.').waitFor()
  assert.deepEqual((await state()).subscriptions, [])
})

test('notifications end when the person signs out, and stay on in a new session', async (t) => {
  const { page, state, stage, visitor } = await notified(t)
  const [{ session_id }] = (await state()).subscriptions as [PushState['subscriptions'][0]]
  visitor.expects(/status of 401/)
  visitor.expects(LOST)
  await stage.stage.api('DELETE', `/api/sessions/${session_id}`)
  await page.getByText('Your session has ended.').waitFor()
  assert.deepEqual((await state()).subscriptions, [])
  await page.getByLabel('User key').fill(stage.stage.userKey())
  await page.getByRole('button', { name: 'Sign in' }).click()
  await until(async () => (await state()).subscriptions[0]?.name === 'local', {
    what: 'the new subscription',
  })
  await page.getByRole('button', { name: 'Sign out' }).first().click()
  await page.getByLabel('User key').waitFor()
  await until(async () => (await state()).subscriptions.length === 0, { what: 'the end of the subscription' })
  await page.getByLabel('User key').fill(stage.stage.userKey())
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByText('Notifications are off in this browser.').waitFor()
})

test('the page says why notifications cannot be turned on', async (t) => {
  const stage = await ConsoleStage.open(t, browser)
  const visitor = await stage.signedIn({ path: '/notifications' })
  const { page } = visitor
  // Chromium does so in every private window.
  visitor.expects(/does not support the Push API in incognito mode/)
  await page.getByRole('button', { name: 'Turn on notifications' }).click()
  await page.getByRole('alert').getByText('The browser blocks notifications of this page.').waitFor()
  await page.context().grantPermissions(['notifications'], { origin: stage.stage.hubUrl })
  await page.getByRole('button', { name: 'Turn on notifications' }).click()
  await page.getByRole('alert').getByText('The browser could not reach its push service').waitFor()
  await page.addInitScript('delete globalThis.PushManager')
  await page.reload()
  await page.getByText('This browser has no notifications for web pages.').waitFor()
})

test('the console can be installed', async (t) => {
  const stage = await ConsoleStage.open(t, browser)
  const { page } = await stage.visit()
  const session = await page.context().newCDPSession(page)
  const { errors, data = '' } = await session.send('Page.getAppManifest')
  assert.deepEqual(errors, [])
  const { installabilityErrors } = await session.send('Page.getInstallabilityErrors')
  // Every context of the tests is a private window.
  assert.deepEqual(
    installabilityErrors.map(({ errorId }) => errorId),
    ['in-incognito'],
  )
  const { icons } = JSON.parse(data) as { icons: { src: string; type: string }[] }
  for (const { src, type } of icons) {
    const answer = await fetch(`${stage.stage.hubUrl}/${src}`)
    assert.deepEqual([answer.status, answer.headers.get('content-type')], [200, type])
  }
  const worker = await fetch(`${stage.stage.hubUrl}/worker.js`)
  assert.deepEqual([worker.status, worker.headers.get('cache-control')], [200, 'no-cache'])
})

for (const colorScheme of ['light', 'dark'] as const)
  test(`axe-core finds nothing on the page about notifications, ${colorScheme}`, async (t) => {
    const stage = await ConsoleStage.open(t, browser, ownStage)
    const service = await PushService.open(t)
    await stage.stage.api('POST', '/api/push/subscriptions', service.subscription('phone'))
    const { page } = await stage.signedIn({
      path: '/notifications',
      look: { viewport: PHONE, isMobile: true, hasTouch: true, colorScheme },
    })
    await page.getByRole('button', { name: /^Remove/ }).waitFor()
    assert.deepEqual(await violationsOn(page), [])
  })
