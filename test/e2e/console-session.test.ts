import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { openBrowser } from '../support/browser.ts'
import { Stage } from '../support/stage.ts'
import { until } from '../support/wait.ts'

async function stageWithBrowser(t: TestContext) {
  const stage = await Stage.open(t)
  await stage.hub()
  const browser = await openBrowser(t)
  /** Returns a new link that signs a browser in. */
  const link = async (): Promise<string> => {
    const run = stage.run(['open', '--json'])
    assert.equal(await run.ended, 0, run.log())
    return JSON.parse(run.log()).url
  }
  return { stage, browser, link, sessions: `${stage.hubUrl}/#/sessions` }
}

test('a person signs in with a key, stays signed in, and signs out in all tabs', async (t) => {
  const { stage, browser, sessions } = await stageWithBrowser(t)
  const context = await browser.newContext()
  const page = await context.newPage()
  await page.goto(stage.hubUrl)
  const signIn = async (key: string) => {
    await page.getByLabel('User key').fill(key)
    await page.getByLabel('User key').press('Enter')
  }
  await signIn('fmk_machine')
  await page.getByRole('alert').filter({ hasText: 'the key of a machine' }).waitFor()
  await signIn('fuk_wrong')
  await page.getByRole('alert').filter({ hasText: 'refused the key' }).waitFor()
  await signIn(readFileSync(join(stage.state, 'hub/user.key'), 'utf8').trim())
  await page.getByRole('button', { name: 'Sign out' }).waitFor()
  await page.reload()
  await page.getByRole('button', { name: 'Sign out' }).waitFor()

  const tab = await context.newPage()
  await tab.goto(sessions)
  await tab.getByText('this session').waitFor()
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  await tab.getByRole('heading', { name: 'Sign in' }).waitFor()
  await until(async () => (await context.cookies()).length === 0, { what: 'the end of the cookie' })
})

test('a link signs a browser in once, and its token stays neither in the address nor in the history', async (t) => {
  const { browser, link, sessions } = await stageWithBrowser(t)
  const [one, other] = [await browser.newContext(), await browser.newContext()]
  const [page, phone] = [await one.newPage(), await other.newPage()]
  const first = await link()
  await page.goto(first)
  await page.getByRole('button', { name: 'Sign out' }).waitFor()
  assert.equal(new URL(page.url()).hash, '#/')
  const addresses: string[] = []
  page.on('request', (request) => addresses.push(request.url()))
  await page.reload()
  await page.getByRole('button', { name: 'Sign out' }).waitFor()
  await page.goBack()
  assert.ok(addresses.length > 0 && addresses.every((url) => !url.includes('token=')), addresses.join())

  await phone.goto(first)
  await phone.getByRole('status').filter({ hasText: 'it works once' }).waitFor()
  // The address of an open page changes without loading the page again.
  await phone.goto(await link())
  await phone.getByRole('button', { name: 'Sign out' }).waitFor()

  await page.goto(sessions)
  const listed = page.getByRole('listitem')
  await until(async () => (await listed.count()) === 2, { what: 'two sessions' })
  await page.getByRole('button', { name: /^End session/ }).click()
  await until(async () => (await listed.count()) === 1, { what: 'the end of a session' })
  await phone.reload()
  await phone.getByRole('status').filter({ hasText: 'Your session has ended' }).waitFor()
  // A new link replaces the session of a browser.
  await page.goto(await link())
  await page.goto(sessions)
  const own = page.getByText('this session')
  await own.waitFor()
  // The list may be older than the end of the previous session.
  const again = async () => {
    await page.reload()
    await own.waitFor()
    return (await listed.count()) === 1
  }
  await until(again, { what: 'one session' })
})

test('a page that has lost its hub says so, and continues when the hub is back', async (t) => {
  const { stage, browser, link } = await stageWithBrowser(t)
  const page = await browser.newPage()
  await page.goto(await link())
  await page.getByRole('button', { name: 'Sign out' }).waitFor()
  await page.route('**/api/me', (route) => route.abort())
  await page.reload()
  await page.getByRole('alert').filter({ hasText: 'No hub answers' }).waitFor()
  await page.unroute('**/api/me')
  await page.getByRole('button', { name: 'Sign out' }).waitFor()
  assert.ok(page.url().startsWith(stage.hubUrl))
})

test('a link of another key does not replace the session before the person agrees', async (t) => {
  const { stage, browser } = await stageWithBrowser(t)
  const made = await stage.api<{ key: string }>('POST', '/api/keys', { name: 'mallory', role: 'viewer' })
  const link = async () => {
    const answer = await fetch(`${stage.hubUrl}/api/sign-in-tokens`, {
      method: 'POST',
      headers: { authorization: `Bearer ${made.key}` },
    })
    return `${stage.hubUrl}/#token=${((await answer.json()) as { token: string }).token}`
  }
  const page = await browser.newPage()
  await page.goto(stage.hubUrl)
  await page.getByLabel('User key').fill(stage.userKey())
  await page.getByLabel('User key').press('Enter')
  const signedIn = (name: string) => page.getByRole('banner').getByText(name).waitFor()
  await signedIn('local')
  const dialog = page.getByRole('dialog', { name: 'Sign in with another key?' })
  await page.goto(await link())
  await dialog.getByText('mallory').waitFor()
  await signedIn('local')
  await dialog.getByRole('button', { name: 'Stay signed in' }).click()
  await dialog.waitFor({ state: 'detached' })
  const sessions = () => stage.api<{ sessions: object[] }>('GET', '/api/sessions')
  await until(async () => (await sessions()).sessions.length === 1, { what: 'the end of the other session' })
  await page.goto(await link())
  await dialog.getByRole('button', { name: 'Switch to this key' }).click()
  await signedIn('mallory')
})

test('a page asks for its first data once, with the secret of its session', async (t) => {
  const { browser, link } = await stageWithBrowser(t)
  const page = await (await browser.newContext()).newPage()
  await page.goto(await link())
  await page.getByRole('button', { name: 'Sign out' }).waitFor()
  const asked: { path: string; shown: string | undefined }[] = []
  page.on('request', (request) => {
    const { pathname } = new URL(request.url())
    if (pathname.startsWith('/api/'))
      asked.push({ path: pathname, shown: request.headers()['x-fomular-session'] })
  })
  await page.reload()
  await page.getByRole('heading', { name: 'Add the first machine' }).waitFor()
  assert.deepEqual(asked.map(({ path }) => path).sort(), ['/api/me', '/api/stream'])
  const stored = await page.evaluate<string>("localStorage.getItem('fomular-session /')")
  assert.deepEqual(
    asked.map(({ shown }) => shown),
    [stored, stored],
  )
})
