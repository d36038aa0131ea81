import { once } from 'node:events'
import { Stage } from '../support/stage.ts'
import type { Benchmark } from './benchmark.ts'
import { start } from './children.ts'
import type { Figure } from './figure.ts'
import { giveAgents, giveHistory, statusesOf } from './hub-agents.ts'
import { interleaved, median, monotonic, processorMs } from './measure.ts'

const HISTORY_BYTES = 500 * 1024 * 1024
/** The agent with the long history. */
const LONG = 'agent-0'

/** Lists of many agents, and pages of a long history. */
export const reads: Benchmark = {
  name: 'reads',
  about: 'lists of 10 000 agents, and pages of a history of 500 MB',
  async run(t, { quick, say }) {
    const stage = await Stage.open(t)
    const statuses = statusesOf(quick ? 100 : 10_000)
    giveAgents(stage, statuses)
    const end = giveHistory(stage, LONG, quick ? 1024 * 1024 : HISTORY_BYTES)
    const hub = await stage.hub()
    const plain = start(t, 'plain.ts', '')
    const [port] = (await once(plain, 'message')) as [number]
    const authorization = `Bearer ${stage.userKey()}`
    const { headers } = await fetch(`${stage.hubUrl}/api/agents`, { headers: { authorization } })
    const list = '/api/agents'
    const page = (after: number) => `/api/agents/${LONG}/events?limit=100&after=${after}.0`
    const requests: [title: string, path: string, headers?: Record<string, string>][] = [
      [`list of ${statuses.length} agents`, list],
      ['page of 100 agents', `${list}?limit=100`],
      ['list that has not changed', list, { 'if-none-match': headers.get('etag') ?? '' }],
      ['100 events at the start of a history', page(0)],
      ['100 events in the middle', page(Math.floor(end / 2))],
      ['100 events at the end', page(end - 100 * 240)],
    ]
    const figures: Figure[] = []
    for (const [title, path, rest] of requests) {
      say(title)
      const ask = { headers: { authorization, 'accept-encoding': 'identity', ...rest } }
      const bytes = await get(stage.hubUrl + path, ask)
      const timed = (url: string, pid: number) => async () => {
        const [began, used] = [monotonic(), processorMs(pid)]
        await get(url, ask)
        return { ms: monotonic() - began, processorMs: processorMs(pid) - used }
      }
      const took = await interleaved(quick ? 3 : 41, {
        hub: timed(stage.hubUrl + path, hub.pid),
        floor: timed(`http://127.0.0.1:${port}/${bytes}`, plain.pid!),
      })
      const of = 'a server that sends as many bytes from memory'
      for (const [what, key] of [
        ['', 'ms'],
        [': CPU time', 'processorMs'],
      ] as const)
        figures.push({
          name: title + what,
          value: median(took.hub.map((run) => run[key])),
          unit: 'ms',
          floor: { value: median(took.floor.map((run) => run[key])), of },
        })
    }
    return figures
  },
}

/** @returns the length of the answer */
async function get(url: string, ask: RequestInit): Promise<number> {
  const answer = await fetch(url, ask)
  if (!answer.ok && answer.status !== 304) throw new Error(`${url}: ${answer.status}`)
  return (await answer.arrayBuffer()).byteLength
}
