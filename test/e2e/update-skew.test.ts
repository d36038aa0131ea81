import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { execa } from 'execa'
import type { AgentStatus } from '../../src/protocol/index.ts'
import { EARLIER, earlierRelease } from '../support/earlier-release.ts'
import { Installation } from '../support/installation.ts'
import { FAULT, TestRegistry } from '../support/registry.ts'
import { RUN, type Stage } from '../support/stage.ts'
import { until } from '../support/wait.ts'

/** Agents in each state that an agent can have during an update of its daemon. */
class Company {
  readonly #stage: Stage
  readonly #pids = new Map<string, number | undefined>()
  /** Agents without a task. */
  readonly idle: string[]
  /** Agents that wait for permission to run a command. */
  readonly asking: string[]
  /** An agent in a turn that only an interrupt ends, with another prompt waiting. */
  readonly busy: string
  readonly ended: string

  private constructor(stage: Stage, [first, second, third, fourth, busy, ended]: string[]) {
    this.#stage = stage
    this.idle = [first!, second!]
    this.asking = [third!, fourth!]
    this.busy = busy!
    this.ended = ended!
  }

  static async start(stage: Stage): Promise<Company> {
    const prompts = ['first', 'second', 'ask', 'ask', 'hang', 'third']
    const ids = await Promise.all(prompts.map((prompt) => stage.start({ prompt })))
    const company = new Company(stage, ids)
    const { busy, ended } = company
    await stage.eventually(ended, 'turn_result')
    assert.equal((await stage.command(ended, 'stop')).state, 'succeeded')
    await stage.agentIs(busy, 'working')
    assert.equal((await stage.command(busy, 'prompt', { content: 'behind it' })).state, 'succeeded')
    for (const id of company.asking) await stage.agentIs(id, 'waiting')
    for (const id of ids.filter((id) => id !== ended)) company.#pids.set(id, (await stage.agent(id)).pid)
    return company
  }

  /** Checks that each agent has its process and its state, and that idle agents still answer. */
  async isAsEver(when: string) {
    const stage = this.#stage
    for (const [id, pid] of this.#pids) assert.equal((await stage.agent(id)).pid, pid, when)
    for (const id of this.idle) await this.#says(id, 'prompt', { content: when }, when)
    for (const id of this.asking) {
      const { pending } = await stage.agentIs(id, 'waiting')
      assert.equal(pending.length, 1, when)
    }
    await stage.agentIs(this.busy, 'working')
    await stage.agentIs(this.ended, 'exited')
  }

  /** Answers the next request for permission. */
  async decide(decision: 'allow' | 'deny') {
    const id = this.asking.pop()!
    const { pending } = await this.#stage.agent(id)
    const body = { request_id: pending[0]!.request_id, decision, message: 'not today' }
    await this.#says(id, 'permission', body, decision === 'allow' ? 'allowed' : 'denied: not today')
  }

  /** Ends the endless turn, checks the answer to the waiting prompt, and resumes the ended agent. */
  async finish() {
    await this.#says(this.busy, 'interrupt', {}, 'behind it')
    await this.#says(this.ended, 'resume', { prompt: 'again' }, 'again')
    const all = [...this.#pids.keys(), this.ended]
    for (const id of all) {
      assert.equal((await this.#stage.command(id, 'stop', { grace_s: 1 })).state, 'succeeded')
      await this.#stage.agentIs(id, 'exited')
    }
    await until(() => all.every((id) => this.#stage.agentProcesses(id).length === 0), {
      what: 'the end of all agents',
    })
  }

  async #says(id: string, command: string, body: object, text: string) {
    const from = (await this.#stage.events(id)).length
    assert.equal((await this.#stage.command(id, command, body)).state, 'succeeded', `${command} ${text}`)
    await this.#stage.eventually(id, 'text', (event) => event.text === text, from)
  }
}

test('agents keep working during updates from and to the previous release, after a failed trial and after an ordered update', async (t) => {
  const registry = await TestRegistry.open(t)
  const earlier = await earlierRelease()
  await registry.release({ version: EARLIER, code: earlier })
  await registry.release({ version: '2.0.0', tag: 'refused', before: FAULT.refused })
  await registry.release({ version: '1.1.0' })
  const machine = await Installation.open(t, registry)
  const { stage } = machine
  await machine.hub(earlier)
  const keyFile = join(stage.state, 'hub/machine.key')
  const key = readFileSync(keyFile, 'utf8').trim()
  stage.run(['run', '--server-url', `ws://127.0.0.1:${stage.port}`, '--key', key], {}, stage.daemonCommand)
  await machine.runs(EARLIER)
  const company = await Company.start(stage)
  await company.isAsEver('before')

  const refused = await machine.order('refused')
  assert.equal(refused.state, 'failed', JSON.stringify(refused))
  await machine.runs(EARLIER)
  await company.isAsEver('after the trial')

  assert.equal((await machine.order('1.1.0')).state, 'succeeded')
  await machine.runs('1.1.0')
  await company.isAsEver('on the later version')
  await company.decide('allow')
  const { pid } = machine.daemon!
  const { stdout } = await execa('grep', ['-rlF', '--devices=skip', '-e', key, stage.dir], { reject: false })
  assert.equal(stdout, keyFile, 'the key is in no other file')
  const newcomers = await Company.start(stage)
  // Produces data about agents that only the later version knows and stores.
  const system = { type: 'system', hook_id: 'h', hook_name: 'Stop', tasks: [{ task_id: 't1' }] }
  for (const subtype of ['hook_started', 'hook_response', 'background_tasks_changed']) {
    const line = JSON.stringify({
      ...system,
      subtype,
      outcome: 'error',
      exit_code: 1,
      output: 'no',
      stderr: 'no',
    })
    await stage.command(newcomers.idle[0]!, 'prompt', { content: `line ${line}` })
  }
  await until(
    async () => {
      const { stdout } = await execa(RUN[0], [...RUN.slice(1), 'status', '--json'], { env: stage.env })
      const { agents } = JSON.parse(stdout) as { agents: AgentStatus[] }
      const { problems, background_tasks } = agents.find(({ agent_id }) => agent_id === newcomers.idle[0])!
      return problems && background_tasks
    },
    { what: 'the problems and background tasks, which the earlier hub does not show' },
  )

  const back = await machine.order(EARLIER, { allow_downgrade: true })
  assert.equal(back.state, 'succeeded', JSON.stringify(back))
  await machine.runs(EARLIER)
  assert.notEqual(machine.daemon?.pid, pid)
  for (const each of [company, newcomers]) {
    await each.isAsEver('back on the earlier version')
    await each.decide('deny')
  }
  await newcomers.decide('allow')
  for (const each of [company, newcomers]) await each.finish()
})
