import { readFileSync } from 'node:fs'
import { openBrowser } from '../support/browser.ts'
import { LightDaemon, statusOf } from '../support/light-daemon.ts'
import { Stage } from '../support/stage.ts'
import type { Cleanup } from '../support/temp.ts'
import type { Benchmark } from './benchmark.ts'
import { giveKeys } from './hub-keys.ts'
import { interleaved, median } from './measure.ts'
import { beside, load, STATIC, type Subject, scroll, serveCopy, stateOf, visit } from './pages.ts'

const AGENTS_EACH = 10
/** Number of machines that connect at a time. */
const AT_ONCE = 50
/** Changes of agents per second. */
const RATE = 100

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
