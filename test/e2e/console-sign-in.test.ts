import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import { openBrowser } from '../support/browser.ts'
import { ConsoleStage, LOST, signIn } from '../support/console-stage.ts'

const browser = await openBrowser({ after })

test('a person signs in with a user key, and learns that another key is wrong', async (t) => {
  const stage = await ConsoleStage.open(t, browser)
  await stage.machine({ hostname: 'build-1' })
  const visitor = await stage.visit()
  const { page } = visitor
  visitor.expects(/status of 401/)
  await signIn(page, 'fuk_wrong')
  assert.match((await page.getByRole('alert').textContent()) ?? '', /key/i)
  await signIn(page, stage.stage.userKey())
  await page.getByRole('link', { name: /build-1/ }).waitFor()
  assert.equal(await page.getByLabel('User key').count(), 0)
})

test('a link with a one-time token signs a person in once, and the token leaves the address', async (t) => {
  const stage = await ConsoleStage.open(t, browser)
  await stage.machine({ hostname: 'build-1' })
  const link = await stage.signInLink()
  const { page } = await stage.visit(link)
  await page.getByRole('link', { name: /^build-1/ }).waitFor()
  assert.equal(new URL(page.url()).hash, '#/')
  const second = await stage.visit(link)
  second.expects(/status of 401/)
  await second.page.getByText('This link did not sign you in').waitFor()
  await second.page.getByLabel('User key').waitFor()
})

test('a session survives a reload and the end of the hub, and ends at once when it is ended elsewhere', async (t) => {
  const stage = await ConsoleStage.open(t, browser)
  await stage.machine({ hostname: 'build-1' })
  const visitor = await stage.signedIn()
  const { page } = visitor
  await page.getByRole('link', { name: /^build-1/ }).waitFor()
  await page.reload()
  await page.getByRole('link', { name: /^build-1/ }).waitFor()
  visitor.expects(LOST)
  await stage.killHub()
  await stage.startHub()
  // The killed hub may not have stored a machine that had just connected.
  await stage.machine({ hostname: 'build-1' })
  await page.reload()
  await page.getByRole('link', { name: /^build-1/ }).waitFor()

  const { page: other } = await stage.signedIn({ path: '/sessions' })
  visitor.expects(/status of 401/)
  await other.getByRole('button', { name: /^End session/ }).click()
  await page.getByText('Your session has ended.').waitFor()
  await page.getByLabel('User key').waitFor()
  await other.getByRole('button', { name: 'Sign out' }).first().click()
  await other.getByLabel('User key').waitFor()
  await other.reload()
  await other.getByLabel('User key').waitFor()
})

test('a viewer sees who is signed in, and no pages for admins', async (t) => {
  const stage = await ConsoleStage.open(t, browser)
  await stage.machine({ hostname: 'build-1' })
  const { page } = await stage.signedIn({ key: await stage.key('ada', 'viewer') })
  await page.getByRole('link', { name: /^build-1/ }).waitFor()
  const person = page.getByRole('banner')
  assert.match((await person.textContent()) ?? '', /ada.*viewer/s)
  assert.equal(await page.getByRole('link', { name: /Keys|Audit/ }).count(), 0)
  const { page: admin } = await stage.signedIn()
  await admin.getByRole('link', { name: 'Keys' }).waitFor()
})

test('a page that was asked for before the sign-in is open after it', async (t) => {
  const stage = await ConsoleStage.open(t, browser)
  await stage.machine({ hostname: 'build-1' })
  const { page } = await stage.signedIn({ path: '/machines/machine-1' })
  await page.getByRole('heading', { name: 'build-1' }).waitFor()
})

test('the page permits neither code in its text, nor anything from elsewhere', async (t) => {
  const stage = await ConsoleStage.open(t, browser)
  const answer = await fetch(stage.stage.hubUrl)
  const policy = answer.headers.get('content-security-policy') ?? ''
  assert.match(policy, /default-src 'none'/)
  assert.doesNotMatch(policy, /unsafe|\*|https?:/)
  const visitor = await stage.visit()
  visitor.expects(/Content Security [Pp]olicy|This document requires 'Trusted/)
  const blocked = (code: string) =>
    visitor.page.evaluate(
      `new Promise((resolve) => { addEventListener('securitypolicyviolation', ({ effectiveDirective }) => resolve(effectiveDirective), { once: true }); ${code} })`,
    )
  const add = (name: string, code: string) =>
    `const made = document.createElement('${name}'); ${code}; document.body.append(made)`
  const elsewhere = "made.src = 'http://127.0.0.1:1/'"
  assert.equal(await blocked(add('img', elsewhere)), 'img-src')
  assert.equal(await blocked(add('iframe', elsewhere)), 'frame-src')
  assert.equal(await blocked(add('p', "made.setAttribute('style', 'color: red')")), 'style-src-attr')
  assert.equal(await blocked(`fetch('http://127.0.0.1:1/').catch(() => {})`), 'connect-src')
  for (const code of [
    "document.body.insertAdjacentHTML('beforeend', '<p>text</p>')",
    add('p', "made.innerHTML = 'text'"),
    add('script', "made.textContent = '1'"),
    add('script', "made.src = 'worker.js'"),
  ])
    assert.equal(await blocked(`try { ${code} } catch {}`), 'require-trusted-types-for', code)
  const other = "trustedTypes.createPolicy('other', { createHTML: (text) => text })"
  assert.equal(await blocked(`try { ${other} } catch {}`), 'trusted-types')
})

test('another site cannot show the console in a frame', async (t) => {
  const stage = await ConsoleStage.open(t, browser)
  const site = createServer((_, response) => {
    response.setHeader('content-type', 'text/html')
    response.end(`<iframe src="${stage.stage.hubUrl}/"></iframe>`)
  })
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve))
  t.after(() => void site.close())
  const page = await browser.newPage()
  t.after(() => page.close())
  await page.goto(`http://127.0.0.1:${(site.address() as AddressInfo).port}/`)
  assert.equal(await page.frameLocator('iframe').getByLabel('User key').count(), 0)
  const frame = page.frames()[1]
  assert.match(frame?.url() ?? '', /^chrome-error:/)
})
