import { readFileSync } from 'node:fs'
import { openBrowser } from '../support/browser.ts'
import { frameOf, LightDaemon, statusOf } from '../support/light-daemon.ts'
import { Stage } from '../support/stage.ts'
import type { Cleanup } from '../support/temp.ts'
import type { Benchmark } from './benchmark.ts'
import { giveKeys } from './hub-keys.ts'
import { interleaved, median } from './measure.ts'
import { beside, load, type Subject, scroll, serveCopy, stateOf, visit } from './pages.ts'

/** Bytes of the journal that one event stands for, and bytes in a frame, which the daemon limits to 64 KiB. */
const BYTES_EACH = 240
const FRAME_BYTES = 270 * BYTES_EACH
/** Pieces of a text per second. */
const RATE = 200

/** The page of an agent with a long history, in a browser. */
export const conversationPage: Benchmark = {
  name: 'conversation',
  about: 'the page of an agent with 100 000 events, in Chromium',
  async run(t, { quick, say }) {
    const stage = await Stage.open(t)
    const agent = await connectAgent(t, stage, quick ? 1000 : 100_000)
    const browser = await openBrowser(t)
    say('prepares a static page')
    const signedIn = await stateOf(browser, stage)
    const live: Subject = { url: `${stage.hubUrl}/#/agents/machine-0/a`, storageState: signedIn }
    const copy: Subject = { url: await serveCopy(t, browser, live) }
    say('loads')
    const loads = await interleaved(quick ? 1 : 9, {
      live: () => visit(browser, live, load),
      copy: () => visit(browser, copy, load),
    })
    say('scrolls')
    const seconds = quick ? 1 : 10
    const scrolls = await interleaved(quick ? 1 : 3, {
      live: () => visit(browser, live, (page) => scroll(page, seconds)),
      copy: () => visit(browser, copy, (page) => scroll(page, seconds)),
    })
    say('shows a text that grows')
    const growing = await interleaved(quick ? 1 : 3, {
      live: () => visit(browser, live, (page) => agent.whileGrowing(() => stay(page, seconds))),
    })
    return [
      beside('opens until the newest blocks are on the screen', loads, ({ content }) => content),
      beside('opens until the page is interactive', loads, ({ interactive }) => interactive),
      beside('time between frames p99, scrolling', scrolls, ({ p99 }) => p99),
      {
        name: 'long tasks in a second, scrolling',
        value: median(scrolls.live.map(({ long }) => long / seconds)),
        unit: 'ms',
      },
      {
        name: `long tasks in a second, ${RATE} pieces of a text/s`,
        value: median(growing.live.map(({ long }) => long / seconds)),
        unit: 'ms',
      },
      {
        name: `drawings in a second, ${RATE} pieces of a text/s`,
        value: median(growing.live.map(({ drawings }) => drawings / seconds)),
        unit: 'count',
      },
      {
        name: "memory of the page's objects after scrolling",
        value: median(scrolls.live.map(({ heap }) => heap)),
        unit: 'MB',
      },
    ]
  },
}

/** Starts a hub, and connects a machine with an agent to it. */
async function connectAgent(t: Cleanup, stage: Stage, events: number) {
  const [key = ''] = readFileSync(giveKeys(stage, 1), 'utf8').split('\n')
  await stage.hub()
  let end = events * BYTES_EACH
  const agents = [statusOf('a', { title: 'long', end })]
  const daemon = await LightDaemon.greet({
    url: stage.hubUrl,
    key,
    hello: { machine_id: 'machine-0', agents },
  })
  t.after(() => daemon.socket.terminate())
  for (let from = 0; from < end; from += FRAME_BYTES)
    daemon.send(frameOf('a', from, Math.min(end, from + FRAME_BYTES), BYTES_EACH))
  await daemon.acknowledged('a', end)
  let block = 0
  const grow = () => {
    const [from, offset] = [end, end]
    end += BYTES_EACH
    const event = {
      kind: 'text_delta',
      offset,
      index: 0,
      block,
      message_id: `m${block}`,
      text: 'some **words** ',
    }
    daemon.send({ type: 'agent:activity', agent_id: 'a', from, to: end, events: [event] })
  }
  return {
    /** Sends pieces of a text at a steady rate while `run` runs. */
    async whileGrowing<R>(run: () => Promise<R>): Promise<R> {
      block++
      const timer = setInterval(grow, 1000 / RATE)
      try {
        return await run()
      } finally {
        clearInterval(timer)
      }
    },
  }
}

/** Stays at the end of a page. @returns the time of long tasks in ms, and how often the page was drawn */
async function stay(page: Parameters<typeof load>[0], seconds: number) {
  await load(page)
  return page.evaluate<{ long: number; drawings: number }>(`new Promise((resolve) => {
    longTasks.length = 0
    let drawings = 0
    new MutationObserver(() => drawings++).observe(document.querySelector('.windowed-list'), { childList: true, characterData: true, subtree: true })
    setTimeout(() => resolve({ long: longTasks.reduce((sum, { duration }) => sum + duration, 0), drawings }), ${seconds * 1000})
  })`)
}
