import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { execa } from 'execa'
import { claudeStage } from '../support/claude-stage.ts'
import { type Item, type Message, mock } from '../support/messages-script.ts'
import { RUN, type Stage } from '../support/stage.ts'
import { until } from '../support/wait.ts'

const HOUR_S = 3600

/** Headers that the model's service sends for a person's account, but not for an API key. */
const account = (status: 'allowed' | 'rejected', resetS: number): Item => ({
  headers: {
    'anthropic-ratelimit-unified-status': status,
    'anthropic-ratelimit-unified-representative-claim': 'five_hour',
    'anthropic-ratelimit-unified-reset': String(resetS),
    'anthropic-ratelimit-unified-5h-reset': String(resetS),
    'anthropic-ratelimit-unified-5h-utilization': '1',
  },
})

const isContinuation = (messages: Message[]) =>
  JSON.stringify(messages.findLast(({ role }) => role === 'user') ?? '').includes('Continue.')

async function cli(stage: Stage, ...args: string[]): Promise<string> {
  const [file, ...before] = RUN
  return (await execa(file, [...before, ...args], { env: stage.env, extendEnv: false })).stdout
}

test('Claude Code: after a usage limit resets, one waiting agent continues first, the others follow, and an agent that no longer waits stays idle', async (t) => {
  const resetS = Math.ceil(Date.now() / 1000) + HOUR_S
  let isReached = true
  const { stage, api } = await claudeStage(
    t,
    () => ({
      key: '',
      items: isReached
        ? [account('rejected', resetS), { error: 429 }]
        : [account('allowed', resetS), { text: 'Done.' }],
    }),
    { ANTHROPIC_API_KEY: '', CLAUDE_CODE_OAUTH_TOKEN: 'test' },
  )
  const clock = join(stage.dir, 'clock')
  const passed = (ms: number) => writeFileSync(clock, String(ms))
  passed(0)
  const preload = new URL('../support/stepped-clock.ts', import.meta.url).href
  const env = { NODE_OPTIONS: `--import=${preload}`, TEST_CLOCK: clock }
  await stage.hub()
  const daemon = await stage.daemon(env)
  const ids = ['a', 'b', 'c', 'released']
  const start = (id: string) =>
    cli(
      stage,
      'agent',
      'start',
      '--id',
      id,
      '--cwd',
      stage.cwd,
      '--prompt',
      `Work, ${id}.`,
      '--on-limit',
      'wait',
    )
  for (const id of ids) await start(id)
  for (const id of ids) {
    const { limited } = await stage.agentIs(id, ({ limited }) => limited !== undefined)
    assert.deepEqual(limited, { until: new Date(resetS * 1000).toISOString(), waits: true })
  }
  assert.match(await cli(stage, 'agent', 'list'), /idle: usage limit, waits/)
  assert.match(await cli(stage, 'agent', 'show', 'a'), /Its turn continues after that\./)
  await cli(stage, 'agent', 'configure', 'released', '--on-limit', 'show')

  daemon.kill('SIGKILL')
  await daemon.ended
  await stage.daemon(env)
  isReached = false
  const continued = () => api.requests.filter(({ body }) => isContinuation(body.messages ?? [])).length
  passed((HOUR_S + 100) * 1000)
  await until(() => continued() > 0, { what: 'the first turn after the reset', timeoutMs: 60_000 })
  assert.equal(continued(), 1)
  passed((HOUR_S + 200) * 1000)
  // After the first answer, the other agents continue at different times within 45 s. The daemon checks every
  // 15 s which agents may continue.
  await until(() => continued() === 3, { what: 'the turns of the other agents', timeoutMs: 120_000 })
  for (const id of ids) {
    if (id !== 'released') await stage.agentIs(id, (agent) => agent.state === 'idle' && !agent.limited)
    const said = (await stage.events(id)).flatMap((event) =>
      event.kind === 'user' && event.origin === undefined ? [event.content] : [],
    )
    assert.deepEqual(said, [`Work, ${id}.`, ...(id === 'released' ? [] : ['Continue.'])])
  }
})

test('Claude Code: the rate limit of an API key and an overload do not count as a usage limit', async (t) => {
  const { stage } = await claudeStage(t, undefined, { CLAUDE_CODE_MAX_RETRIES: '1' })
  await stage.hub()
  await stage.daemon()
  for (const error of [429, 529]) {
    const agent = await stage.start({ prompt: mock([{ error }]), on_limit: 'wait' })
    const { limited, turn_failed } = await stage.agentIs(
      agent,
      ({ turn_failed }) => turn_failed !== undefined,
    )
    assert.equal(limited, undefined)
    assert.match(turn_failed?.message ?? '', new RegExp(String(error)))
  }
})
