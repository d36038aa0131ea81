import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, Page } from 'playwright-core'
import { DESK, openBrowser } from '../support/browser.ts'
import { signIn } from '../support/console-stage.ts'
import { LightDaemon, statusOf } from '../support/light-daemon.ts'
import { Stage } from '../support/stage.ts'
import type { Cleanup } from '../support/temp.ts'
import type { Benchmark } from './benchmark.ts'
import type { Figure } from './figure.ts'
import { giveKeys } from './hub-keys.ts'
import { interleaved, median, percentile } from './measure.ts'

const AGENTS_EACH = 10
/** Number of machines that connect at a time. */
const AT_ONCE = 50
/** Changes of agents per second. */
const RATE = 100
/** Maximum ratio to the static page. */
const GOAL = { at: 'most', limit: 2 } as const
const STATIC = 'a static page with the same content'

/** The fleet page in a browser, with many machines and agents. */
export const consolePage: Benchmark = {
  name: 'console',
  about: 'the fleet page of 1 000 machines with 10 agents each, in Chromium',
  async run(t, { quick, say }) {
    const stage = await Stage.open(t)
    const fleet = await connectFleet(t, stage, quick ? 10 : 1000)
    const browser = await openBrowser(t)
    say('prepares a static page')
    const signedIn = await stateOf(browser, stage)
    const live: Subject = { url: `${stage.hubUrl}/#/`, storageState: signedIn }
    const copy: Subject = { url: await serveCopy(t, browser, live) }
    say('loads')
    const loads = await interleaved(quick ? 1 : 9, {
      live: () => visit(browser, live, load),
      copy: () => visit(browser, copy, load),
    })
    say('scrolls, while agents change')
    const seconds = quick ? 1 : 10
    const scrolls = await interleaved(quick ? 1 : 3, {
      live: () => visit(browser, live, (page) => fleet.whileChanging(() => scroll(page, seconds))),
      copy: () => visit(browser, copy, (page) => scroll(page, seconds)),
    })
    const beside = <R>(
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
    return [
      beside('first load until the rows are on the screen', loads, ({ content }) => content),
      beside('first load until the page is interactive', loads, ({ interactive }) => interactive),
      beside(`time between frames p99, scrolling, ${RATE} changes/s`, scrolls, ({ p99 }) => p99),
      {
        name: `long tasks in a second, scrolling, ${RATE} changes/s`,
        value: median(scrolls.live.map(({ long }) => long / seconds)),
        unit: 'ms',
      },
      {
        name: `long tasks in a second, scrolling ${STATIC}`,
        value: median(scrolls.copy.map(({ long }) => long / seconds)),
        unit: 'ms',
      },
      {
        name: `memory of the page's objects, ${RATE} changes/s`,
        value: median(scrolls.live.map(({ heap }) => heap)),
        unit: 'MB',
      },
    ]
  },
}

/** A page to measure, and the cookies and storage of its visitor. */
interface Subject {
  url: string
  storageState?: Awaited<ReturnType<ReturnType<Page['context']>['storageState']>>
}

const STATES = [
  'working',
  'idle',
  'idle',
  'exited',
  'working',
  'idle',
  'failed',
  'idle',
  'working',
  'waiting',
] as const

const agentOf = (machine: number, agent: number, revision: number) => {
  const n = machine * AGENTS_EACH + agent
  return statusOf(`agent-${n}`, {
    title: `Fix the tests of part ${n}`,
    cwd: `/srv/project/${n}`,
    state: STATES[(n + revision - 1) % STATES.length]!,
    since: new Date().toISOString(),
    revision,
  })
}

/** Starts a hub, and connects machines with agents to it. */
async function connectFleet(t: Cleanup, stage: Stage, machines: number) {
  const keys = readFileSync(giveKeys(stage, machines), 'utf8').split('\n')
  await stage.hub()
  const daemons: LightDaemon[] = []
  t.after(() => {
    for (const { socket } of daemons) socket.terminate()
  })
  const connect = (n: number) =>
    LightDaemon.greet({
      url: stage.hubUrl,
      key: keys[n]!,
      hello: {
        machine_id: `machine-${n}`,
        instance_id: `${n}`,
        hostname: `host-${n}`,
        agents: Array.from({ length: AGENTS_EACH }, (_, agent) => agentOf(n, agent, 1)),
      },
    })
  for (let n = 0; n < machines; n += AT_ONCE)
    daemons.push(...(await Promise.all(keys.slice(n, n + AT_ONCE).map((_, offset) => connect(n + offset)))))
  let changes = 0
  const change = () => {
    const machine = changes % machines
    const revision = 2 + Math.floor(changes / machines)
    const status = agentOf(machine, revision % AGENTS_EACH, revision)
    daemons[machine]!.send({ type: 'agent:status', ...status })
    changes++
  }
  return {
    /** Changes agents at a steady rate while `run` runs. */
    async whileChanging<R>(run: () => Promise<R>): Promise<R> {
      const timer = setInterval(change, 1000 / RATE)
      try {
        return await run()
      } finally {
        clearInterval(timer)
      }
    },
  }
}

/** Signs in, and returns the cookies and storage of the session. */
async function stateOf(browser: Browser, stage: Stage) {
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
async function serveCopy(t: Cleanup, browser: Browser, live: Subject): Promise<string> {
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

/** Notes the time at which the rows are on the screen, and all long tasks. */
const OBSERVE = `
  window.longTasks = []
  new PerformanceObserver((list) => longTasks.push(...list.getEntries())).observe({ type: 'longtask', buffered: true })
  const look = () => {
    if (document.querySelector('main details li')) window.contentAt = performance.now()
    else requestAnimationFrame(look)
  }
  requestAnimationFrame(look)
`

/** Opens a page with a separate cache, which is empty, and measures it. */
async function visit<R>(
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
function load(page: Page): Promise<{ content: number; interactive: number }> {
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
async function scroll(page: Page, seconds: number): Promise<{ p99: number; long: number; heap: number }> {
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
      const range = document.documentElement.scrollHeight - innerHeight
      scrollTo(0, range * (1 - Math.cos((now - began) / 1000)) / 2)
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
