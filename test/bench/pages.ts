import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, Page } from 'playwright-core'
import { DESK } from '../support/browser.ts'
import { signIn } from '../support/console-stage.ts'
import type { Stage } from '../support/stage.ts'
import type { Cleanup } from '../support/temp.ts'
import type { Figure } from './figure.ts'
import { median, percentile } from './measure.ts'

/** Maximum ratio to the static page. */
const GOAL = { at: 'most', limit: 2 } as const
export const STATIC = 'a static page with the same content'

/** Returns a figure of a page of the console, with that of its static copy. */
export const beside = <R>(
  name: string,
  runs: Record<'live' | 'copy', R[]>,
  value: (run: R) => number,
): Figure => ({
  name,
  value: median(runs.live.map(value)),
  unit: 'ms',
  floor: { value: median(runs.copy.map(value)), of: STATIC },
  goal: GOAL,
})

/** A page to measure, and the cookies and storage of its visitor. */
export interface Subject {
  url: string
  storageState?: Awaited<ReturnType<ReturnType<Page['context']>['storageState']>>
}

/** Signs in, and returns the cookies and storage of the session. */
export async function stateOf(browser: Browser, stage: Stage) {
  const context = await browser.newContext()
  const page = await context.newPage()
  await page.goto(stage.hubUrl)
  await signIn(page, stage.userKey())
  await page.locator('main li').first().waitFor()
  const state = await context.storageState()
  await context.close()
  return state
}

/** Serves the content of a page without its script. @returns the address */
export async function serveCopy(t: Cleanup, browser: Browser, live: Subject): Promise<string> {
  const html = await visit(browser, live, async (page) => {
    await load(page)
    return page.evaluate<string>(`(() => {
      const copy = document.documentElement.cloneNode(true)
      for (const each of copy.querySelectorAll('script, link[rel="manifest"], link[rel="icon"], link[rel="modulepreload"]')) each.remove()
      const css = [...document.styleSheets].flatMap(({ cssRules }) => [...cssRules]).map(({ cssText }) => cssText).join('\\n')
      for (const each of copy.querySelectorAll('link[rel="stylesheet"]')) each.remove()
      copy.querySelector('head').append(Object.assign(document.createElement('style'), { textContent: css }))
      return '<!doctype html>' + copy.outerHTML
    })()`)
  })
  const server = createServer((_, response) => {
    response.setHeader('content-type', 'text/html; charset=utf-8')
    response.end(html)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => void server.closeAllConnections())
  t.after(() => void server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

/** Notes the time at which the frame with the first rows is drawn, and all long tasks. */
const OBSERVE = `
  window.longTasks = []
  new PerformanceObserver((list) => longTasks.push(...list.getEntries())).observe({ type: 'longtask', buffered: true })
  const look = () => {
    if (!document.querySelector('main details li, main article[data-index]')) return requestAnimationFrame(look)
    // A message arrives after the frame in which it was sent: after the style, the layout, and the painting of the rows.
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => { window.contentAt = performance.now() }
    port2.postMessage(undefined)
    window.inDocumentAt = performance.now()
  }
  requestAnimationFrame(look)
`

/** Opens a page with a separate cache, which is empty, and measures it. */
export async function visit<R>(
  browser: Browser,
  { url, storageState }: Subject,
  measure: (page: Page) => Promise<R>,
): Promise<R> {
  const context = await browser.newContext({ viewport: DESK, ...(storageState && { storageState }) })
  try {
    const page = await context.newPage()
    await page.addInitScript(OBSERVE)
    await page.goto(url, { waitUntil: 'commit' })
    return await measure(page)
  } finally {
    await context.close()
  }
}

/** Time without long tasks after which a page counts as interactive, in ms. */
const QUIET_MS = 1000

/** Returns the times at which a page shows its rows, and at which its last long task ended, in ms. */
export function load(page: Page): Promise<{ content: number; interactive: number }> {
  return page.evaluate(`new Promise((resolve) => {
    const look = () => {
      const busyUntil = Math.max(window.contentAt ?? Infinity, ...longTasks.map(({ startTime, duration }) => startTime + duration))
      if (performance.now() - busyUntil > ${QUIET_MS}) resolve({ content: contentAt, interactive: busyUntil })
      else setTimeout(look, 100)
    }
    look()
  })`)
}

/** Scrolls a page up and down. @returns times in ms, and the memory in MB */
export async function scroll(
  page: Page,
  seconds: number,
): Promise<{ p99: number; long: number; heap: number }> {
  await load(page)
  const frames = await page.evaluate<number[]>(`new Promise((resolve) => {
    longTasks.length = 0
    const began = performance.now()
    const frames = []
    let last = began
    const frame = () => {
      const now = performance.now()
      frames.push(now - last)
      last = now
      if (now - began > ${seconds * 1000}) return resolve(frames)
      const view = document.querySelector('.windowed-list-view') ?? document.documentElement
      const range = view.scrollHeight - view.clientHeight
      view.scrollTo(0, range * (1 - Math.cos((now - began) / 1000)) / 2)
      requestAnimationFrame(frame)
    }
    requestAnimationFrame(frame)
  })`)
  const long = await page.evaluate<number>('longTasks.reduce((sum, { duration }) => sum + duration, 0)')
  const client = await page.context().newCDPSession(page)
  await client.send('HeapProfiler.collectGarbage')
  await client.send('Performance.enable')
  const { metrics } = await client.send('Performance.getMetrics')
  const heap = metrics.find(({ name }) => name === 'JSHeapUsedSize')?.value ?? Number.NaN
  return { p99: percentile(frames, 0.99), long, heap: heap / 1024 ** 2 }
}
