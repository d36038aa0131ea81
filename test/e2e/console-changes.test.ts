import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { violationsOn } from '../support/accessibility.ts'
import { DESK, type Look, openBrowser, PHONE } from '../support/browser.ts'
import { ConsoleStage, shows } from '../support/console-stage.ts'
import { fakeStage } from '../support/fake-agent.ts'
import { gitRepository } from '../support/git-repository.ts'
import { statusOf } from '../support/light-daemon.ts'
import type { Cleanup } from '../support/temp.ts'
import { until } from '../support/wait.ts'

const browser = await openBrowser({ after })

/** Opens the changes of an agent in a repository. */
async function open(t: Cleanup, look: Look) {
  const stage = await ConsoleStage.open(t, browser, fakeStage)
  const { cwd } = stage.stage
  const repository = gitRepository(cwd, { 'src/login.ts': 'function login() {\n  return false\n}\n' })
  await stage.stage.daemon()
  const agent = await stage.stage.start({ title: 'Fix the login' })
  await until(() => existsSync(join(stage.stage.state, 'agents', agent, 'start.json')), {
    what: 'the record of the start',
  })
  repository.write('src/login.ts', 'function login() {\n  return true\n}\n')
  repository.write(`long/${'folder/'.repeat(20)}new.txt`, `${'wide '.repeat(100)}\n`)
  const { machine_id } = (await stage.stage.machine())!
  const { page } = await stage.signedIn({ path: `/agents/${machine_id}/${agent}`, look })
  await page.getByRole('link', { name: 'Changes' }).click()
  return { stage: stage.stage, page, agent, repository }
}

test('a person reads the changes of an agent, and sends comments on lines as one prompt', async (t) => {
  const { stage, page, agent, repository } = await open(t, { viewport: DESK })
  await page.getByText('src/login.ts').click()
  const change = page.getByLabel('Change of src/login.ts')
  await change.getByText('return true').waitFor()
  await change.getByRole('button', { name: 'Comment on line 2', exact: true }).click()
  await change.getByLabel('Your comment').fill('Check the password.')
  await change.getByRole('button', { name: 'Keep comment' }).click()
  await change.getByRole('button', { name: 'Comment on old line 2' }).click()
  await change.getByLabel('Your comment').fill('This was right.')
  await change.getByRole('button', { name: 'Keep comment' }).click()
  assert.deepEqual(await violationsOn(page), [])
  const bar = page.getByRole('region', { name: 'Comments' })
  await bar.getByText('2 comments').waitFor()
  await bar.getByRole('button', { name: 'Send comments' }).click()
  await shows(() => bar.count(), 0)
  const { content } = await stage.eventually(agent, 'user')
  assert.equal(
    content,
    `Please address these comments on your changes.

src/login.ts, line 2:
>   return true
Check the password.

src/login.ts, line 2 before your change:
>   return false
This was right.`,
  )
  repository.commit()
  await page.getByLabel('Compare with').selectOption('Since the last commit')
  await page.getByText('Nothing has changed.').waitFor()
})

test('the changes fit on a phone', async (t) => {
  const { page } = await open(t, { viewport: PHONE, hasTouch: true, isMobile: true, colorScheme: 'dark' })
  await page.getByText('new.txt').tap()
  await page.getByText('src/login.ts').tap()
  const change = page.getByLabel('Change of src/login.ts')
  await change.getByText('return true').waitFor()
  await page.getByLabel('Comment on lines').tap()
  await change.getByRole('button', { name: 'Comment on line 2', exact: true }).tap()
  await change.getByLabel('Your comment').fill('Check the password.')
  await change.getByRole('button', { name: 'Keep comment' }).tap()
  await page.getByRole('button', { name: 'Send comments' }).waitFor()
  const widths = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth])
  assert.deepEqual(widths, [PHONE.width, PHONE.width])
  assert.deepEqual(await violationsOn(page), [])
})

test('a comparison shows neither the files nor the comments of another comparison', async (t) => {
  const stage = await ConsoleStage.open(t, browser)
  await stage.machine({ agents: [statusOf('a')] })
  const { page } = await stage.signedIn({ path: '/agents/machine-1/a' })
  const files = (since: string, path: string) => {
    const text = `-old ${since}\n+new`
    return [
      {
        folder: 0,
        path,
        change: 'modified',
        hunks: [{ old_start: 1, old_lines: 1, new_start: 1, new_lines: 1, text }],
      },
    ]
  }
  const file = (path: string) => page.locator('.change-path', { hasText: path })
  let answerLate = () => {}
  const late = new Promise<void>((resolve) => {
    answerLate = resolve
  })
  await page.route(/\/changes\?/, async (route) => {
    const query = new URL(route.request().url()).searchParams
    const since = query.get('since') ?? ''
    const isSecond = query.get('after') !== null
    if (isSecond) await late
    const listed = files(since, query.get('path') ?? (isSecond ? 'late.ts' : 'first.ts'))
    const more = isSecond || query.has('path') ? {} : { next: 'n' }
    await route.fulfill({ json: { since, folders: [{ path: '/' }], total: 2, files: listed, ...more } })
  })
  await page.getByRole('link', { name: 'Changes' }).click()
  await file('first.ts').click()
  await page.getByRole('button', { name: 'Comment on old line 1' }).click()
  await page.getByLabel('Your comment').fill('Keep this.')
  await page.getByRole('button', { name: 'Keep comment' }).click()
  const comment = page.locator('.change-comment').filter({ hasText: 'Keep this.' })
  await comment.waitFor()

  await page.getByRole('button', { name: 'Show more files' }).click()
  const comparison = page.getByLabel('Compare with')
  await comparison.selectOption('head')
  await file('first.ts').click()
  await page.getByText('old head').waitFor()
  const answered = page.waitForResponse(/after=n/)
  answerLate()
  await answered
  assert.equal(await comment.count(), 0)
  await page.getByRole('button', { name: 'Show more files' }).click()
  await shows(() => page.locator('.change-path').allTextContents(), ['first.ts', 'late.ts'])
  await file('late.ts').click()
  await shows(() => page.getByText('old head').count(), 2)
  await comparison.selectOption('start')
  await comment.waitFor()
})
