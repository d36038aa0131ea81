import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Page } from 'playwright-core'
import { visible } from '../../src/console/parts/visible.ts'
import { openBrowser, PHONE } from '../support/browser.ts'
import { ConsoleStage } from '../support/console-stage.ts'
import { helloOf, statusOf } from '../support/light-daemon.ts'
import { requestFor } from '../support/scripted-agent.ts'

const browser = await openBrowser({ after })

/** Texts that would do harm as markup, as code, as a link, or as control characters. */
const MARKUP = '<img src=x onerror="window.harmed=1"><script>window.harmed=2</script>'
const LINK = 'javascript:window.harmed=3'
const BIDI = 'left\u202e\u2066thgir\u200f\u200b\u061c\u0000\u0007\u001b[31m'
const LONG = 'x'.repeat(100_000)
const TEXTS = { markup: MARKUP, link: LINK, bidi: BIDI, long: LONG }

const NOW = '2026-01-01T00:00:00.000Z'

/** A machine whose every text is `text`. */
const machineOf = (text: string) => ({
  hostname: text,
  daemon_version: text,
  os: text,
  arch: text,
  machine: {
    ...helloOf().machine,
    problems: [{ code: 'x', severity: 'error' as const, message: text, remedy: text, since: NOW }],
    runtimes: [{ name: text, found: true, version: text, path: text, problem: text }],
  },
})

/** Agents whose every text is `text`, in every group of the fleet page. */
const agentsOf = (text: string) => {
  const more = { title: text, cwd: `/${text}`, model: text }
  return [
    statusOf('waits', {
      ...more,
      pending: [requestFor('r', { [text]: text }, { tool: text, description: text })],
    }),
    statusOf('fails', { ...more, state: 'failed', failure: { code: 'x', message: text, remedy: text } }),
    statusOf('turn', { ...more, turn_failed: { outcome: text, message: text } }),
    statusOf('queues', { ...more, queued: { since: NOW, reason: text, remedy: text } }),
    statusOf('ended', { ...more, state: 'exited', exit: { reason: 'crashed', detail: text } }),
    statusOf('undated', { ...more, since: text, limited: { until: text } }),
  ]
}

/** Asserts that nothing of the texts has become an element, a link, or code, and that the page keeps its width. */
async function assertHarmless(page: Page) {
  assert.equal(await page.evaluate('window.harmed'), undefined)
  assert.equal(await page.locator('main img, main script, main iframe').count(), 0)
  const links = await page.locator('a').all()
  for (const link of links) assert.match((await link.getAttribute('href')) ?? '', /^#\//)
  const { scrollWidth, clientWidth } = await page.evaluate<{ scrollWidth: number; clientWidth: number }>(
    '({ scrollWidth: document.documentElement.scrollWidth, clientWidth: document.documentElement.clientWidth })',
  )
  assert.ok(scrollWidth <= clientWidth, `the page is ${scrollWidth} wide`)
}

for (const [name, text] of Object.entries(TEXTS))
  test(`a machine and agents with hostile texts are only text on the page: ${name}`, async (t) => {
    const stage = await ConsoleStage.open(t, browser)
    await stage.machine({ ...machineOf(text), agents: agentsOf(text) })
    const { page } = await stage.signedIn({ look: { viewport: PHONE } })
    const begin = visible(text).slice(0, 60)
    await page.locator('li a').nth(5).waitFor()
    assert.ok((await page.locator('main').textContent())?.includes(begin))
    await assertHarmless(page)
    await page.locator('section a[href^="#/machines/"]').click()
    await page.getByRole('heading', { level: 1 }).waitFor()
    assert.ok((await page.getByRole('heading', { level: 1 }).textContent())?.startsWith(begin))
    await page.getByRole('heading', { name: 'Problems' }).waitFor()
    await assertHarmless(page)
  })

test('text that changes its direction does not reverse the words of the page next to it', async (t) => {
  const stage = await ConsoleStage.open(t, browser)
  const { hostname, daemon_version } = machineOf(BIDI)
  const severity = 'error' as const
  const problems = ['agents_end_with_daemon'].map((code) => ({
    code,
    severity,
    message: BIDI,
    since: NOW,
  }))
  const machine = { ...helloOf().machine, problems, accepts_agents: false }
  const waiting_prompts = [{ prompt_id: '00000000-0000-8000-8000-000000000001', text: BIDI }]
  const pending = ['r1', 'r2'].map((id) => requestFor(id, {}, { tool: BIDI }))
  const agent = statusOf('a', { title: BIDI, pending, waiting_prompts, undelivered_prompts: 1 })
  await stage.machine({ hostname, daemon_version, machine, agents: [agent] })
  const { page } = await stage.signedIn()
  await page.getByText('and 1 more').waitFor()
  assert.ok(await runsRight(page, 'and 1 more'))
  await page.locator('section a[href^="#/machines/"]').click()
  await page.getByText('linux, x64').waitFor()
  assert.ok(await runsRight(page, 'linux, x64'))

  // No page or dialog contains the characters themselves.
  const isClean = async () =>
    assert.doesNotMatch(
      await page.evaluate<string>(
        "document.body.textContent + [...document.querySelectorAll('[aria-label]')].map((each) => each.ariaLabel)",
      ),
      /[\u202e\u2066\u200b]/,
    )
  const dialog = page.getByRole('dialog')
  for (const name of ['Start an agent…', 'Restart…', 'Update…']) {
    await page.getByRole('button', { name }).click()
    await dialog.getByRole('button', { name: 'Close' }).first().waitFor()
    await isClean()
    await page.keyboard.press('Escape')
    await dialog.waitFor({ state: 'detached' })
  }
  const shown = visible('\u202e')
  const pages = {
    '/keys': 'cell',
    '/agents/machine-1/a': 'listitem',
    '/agents/machine-1/a/changes': 'heading',
  } as const
  for (const [path, role] of Object.entries(pages)) {
    await page.goto(`${stage.stage.hubUrl}/#${path}`)
    await page.getByRole(role).filter({ hasText: shown }).first().waitFor()
    await isClean()
  }
})

test('code is colored, even after code that takes too long to color', async (t) => {
  const stage = await ConsoleStage.open(t, browser)
  const daemon = await stage.machine({ agents: [statusOf('a', { end: 20 })] })
  const slow = `${'public '.repeat(280)}\n`.repeat(9)
  const events = [`\`\`\`csharp\n${slow}\`\`\``, '```js\nconst last = 1\n```'].map((text, at) => ({
    kind: 'text',
    offset: at * 10,
    index: 0,
    text,
  }))
  daemon.send({ type: 'agent:activity', agent_id: 'a', from: 0, to: 20, events })
  const { page } = await stage.signedIn({ path: '/agents/machine-1/a' })
  await page.locator('.hljs-keyword', { hasText: 'const' }).waitFor()
  assert.ok((await page.locator('.code').first().textContent())?.startsWith('public public'))
})

/** Reports whether the first character of a text on the page is to the left of its last character. */
const runsRight = (page: Page, text: string) =>
  page.evaluate<boolean>(`(() => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    const wanted = ${JSON.stringify(text)}
    const leftOf = (node, at) => {
      const range = document.createRange()
      range.setStart(node, at)
      range.setEnd(node, at + 1)
      return range.getBoundingClientRect().left
    }
    while (walker.nextNode()) {
      const node = walker.currentNode
      const at = node.data.indexOf(wanted)
      if (at >= 0) return leftOf(node, at) < leftOf(node, at + wanted.length - 1)
    }
    throw new Error('the text is not on the page')
  })()`)
