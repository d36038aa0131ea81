import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Agent } from '../../../../src/agents/agent.ts'
import type { AgentPool } from '../../../../src/agents/agent-pool.ts'
import { AgentSpec, type Command, type Event } from '../../../../src/protocol/index.ts'
import { agentsIn } from '../../../support/agents.ts'
import { carryOutWith } from '../../../support/command-context.ts'
import { talker, talkerProgram } from '../../../support/talker.ts'
import { tempDir } from '../../../support/temp.ts'
import { until } from '../../../support/wait.ts'

/** A daemon that uses the real launcher, and has Talker as its only runtime. */
function machine(t: TestContext) {
  const dir = tempDir(t)
  const program = talkerProgram(dir)
  let agents: AgentPool
  let commands = 0
  const open = () => {
    agents = agentsIn(join(dir, 'agents'), {
      runtimes: { talker },
      program: async () => program,
      environment: { PATH: process.env.PATH },
      onGrowth: (agent) => {
        while (agent.catchUp());
      },
    })
    agents.adopt()
  }
  open()
  t.after(async () => {
    for (const agent of agents) await agents.stop(agent, { commandId: 'end', graceS: 0 })
    agents.close()
  })
  return {
    dir,
    restart: () => {
      agents.close()
      open()
    },
    get agent(): Agent {
      return agents.get('a')
    },
    async orders(type: Command['type'], body: object) {
      const named = { type, agent_id: 'a', command_id: `c-${++commands}`, ...body }
      return (await carryOutWith(agents, named as Command)).confirmed
    },
  }
}

/** Returns all events of an agent, as a server would receive them. */
function events(agent: Agent): Event[] {
  const all: Event[] = []
  agent.rewind(0)
  for (let frame = agent.read(100_000); frame; frame = agent.read(100_000)) all.push(...frame.events)
  return all
}

const texts = (agent: Agent) => events(agent).flatMap((event) => (event.kind === 'text' ? [event.text] : []))
const isIdle = ({ snapshot, inbox }: Agent) => snapshot.state === 'idle' && inbox.unsettledCount === 0

/** Reports whether the launcher treats the agent as idle, by the patterns of the agent's runtime. */
function looksIdle({ folder }: Agent): boolean {
  const { state, idle } = talker.idle
  const script = 'grep -e "$1" "$3" | tail -n 1 | grep -q -e "$2" && echo idle || echo busy'
  return (
    execFileSync('/bin/sh', ['-c', script, 'sh', state, idle, folder.journal], { encoding: 'utf8' }) ===
    'idle\n'
  )
}

test('an agent of another runtime starts, takes prompts, asks, is answered, and stops', async (t) => {
  const it = machine(t)
  const spec = AgentSpec.parse({ runtime: 'talker', cwd: it.dir, prompt: 'hello' })
  await it.orders('agent:start', { spec })
  await until(() => isIdle(it.agent))
  // The agent chose the id of its session. It also asked for the time, and the runtime answered by itself.
  const { session_id } = it.agent.status()
  assert.match(session_id ?? '', /^s-\d+$/)
  assert.deepEqual(texts(it.agent), ["You said hello. It is 1 o'clock."])
  assert.ok(looksIdle(it.agent))

  // The next daemon knows the state of the conversation.
  it.restart()
  await it.orders('agent:prompt', { content: 'may I' })
  const [request] = await until(() => it.agent.snapshot.pending.length > 0 && it.agent.snapshot.pending)
  assert.ok(!looksIdle(it.agent))
  it.restart()
  const { request_id, digest } = request!
  await it.orders('agent:permission', { request_id, digest, decision: 'allow' })
  await until(() => isIdle(it.agent))
  assert.deepEqual(texts(it.agent), ["You said hello. It is 1 o'clock.", "You said may I. It is 2 o'clock."])

  await it.orders('agent:stop', {})
  assert.deepEqual(it.agent.snapshot.exit, { reason: 'stopped', code: 0 })
  await it.orders('agent:resume', {})
  await until(() => isIdle(it.agent))
  await it.orders('agent:prompt', { content: 'again' })
  await until(() => texts(it.agent).length === 3)
  assert.equal(texts(it.agent)[2], "You said again. It is 1 o'clock.")
  assert.equal(it.agent.status().session_id, session_id)
})
