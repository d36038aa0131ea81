import { claudeStage } from '../../support/claude-stage.ts'
import type { Cleanup } from '../../support/temp.ts'
import type { Benchmark, Options } from '../benchmark.ts'
import { interleaved, median } from '../measure.ts'
import { codex } from './codex.ts'
import type { Compared } from './compared.ts'
import { hapi } from './hapi.ts'
import { opencode } from './opencode.ts'
import { ours } from './ours.ts'
import { startResponsesApi } from './responses-api.ts'
import { type Session, session } from './session.ts'

/** Makes requests to other machines fail: nothing listens on this port. */
const NO_NETWORK = {
  HTTP_PROXY: 'http://127.0.0.1:9',
  HTTPS_PROXY: 'http://127.0.0.1:9',
  NO_PROXY: '127.0.0.1,localhost',
}

/**
 * Start, memory, and the aftermath of a kill, of this project's program and of its peers in the same run. Each
 * peer has its own folders, and an environment without any account of the user.
 */
export const compare: Benchmark<Compared[]> = {
  name: 'compare',
  about: 'the program beside its peers, which are installed from npm',
  run: measure,
}

async function measure(t: Cleanup, { quick, say }: Options): Promise<Compared[]> {
  const models = { OPENAI_BASE_URL: await startResponsesApi(t) }
  const sessions: Session[] = []
  for (const peer of [ours, codex, hapi, opencode]) {
    const { stage } = await claudeStage(t, undefined, { ...models, ...NO_NETWORK })
    stage.env.TMPDIR = stage.dir
    const result: Compared = { name: peer.name, version: peer.version, agents: quick ? 2 : 5 }
    const one = { peer, stage, program: '', settleMs: quick ? 200 : 5000, result }
    say(`preparing ${peer.name} ${peer.version}`)
    await attempt(one, async () => {
      one.program = await peer.install()
    })
    sessions.push(one)
  }

  say('starting all servers alternately')
  const startOf = (one: Session) => () =>
    attempt(one, async () => (await one.peer.start(one.stage, one.program)).readyMs)
  const starts = Object.fromEntries(sessions.map((one) => [one.peer.name, startOf(one)]))
  // The first start creates folders and caches.
  await interleaved(1, starts)
  const took = await interleaved(quick ? 1 : 7, starts)
  for (const one of sessions) {
    const times = took[one.peer.name]!.filter((ms) => ms !== undefined)
    if (times.length > 0)
      one.result.readyMs = { median: median(times), least: Math.min(...times), most: Math.max(...times) }
    say(`${one.peer.name} with ${one.result.agents} agents`)
    await attempt(one, () => session(one))
  }
  return sessions.map(({ result }) => result)
}

/** Does a step with a peer, unless an earlier step failed. The peer's processes end with the step. */
async function attempt<R>({ stage, result }: Session, step: () => Promise<R>): Promise<R | undefined> {
  if (result.problem !== undefined) return undefined
  try {
    return await step()
  } catch (error) {
    result.problem = (error as Error).message.split('\n').slice(0, 3).join(' ')
    return undefined
  } finally {
    await stage.end()
  }
}
