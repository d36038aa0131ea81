import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { execa } from 'execa'
import type { Signer } from '../../src/client/signer.ts'
import { type Command, type Commands, SIGNED } from '../../src/protocol/index.ts'
import { fakeStage } from '../support/fake-agent.ts'
import { type Caller, type Frame, LightServer } from '../support/light-server.ts'
import { person, signedBy } from '../support/signing.ts'
import { RUN, type Stage } from '../support/stage.ts'
import { tempDir } from '../support/temp.ts'
import { until } from '../support/wait.ts'

/** A hub that an attacker controls, with a machine that obeys only commands signed by Alice. */
class StolenHub {
  readonly alice: Signer = person()
  readonly stage: Stage
  readonly server: LightServer
  readonly policy: string
  caller!: Caller
  machineId = ''
  #count = 0

  private constructor(stage: Stage, server: LightServer, policy: string) {
    this.stage = stage
    this.policy = policy
    this.server = server
  }

  static async open(t: TestContext): Promise<StolenHub> {
    const policy = join(tempDir(t), 'policy.toml')
    const stage = await fakeStage(t, { FOMULAR_POLICY: policy })
    const hub = new StolenHub(stage, await LightServer.open(t), policy)
    writeFileSync(
      policy,
      `version = 1\nsigned_by = ["${hub.alice.key}"]\npermission_modes = ["*"]\nrepository_trust = "any"\n`,
    )
    hub.server.daemon(stage)
    await hub.greet(1)
    return hub
  }

  /** Welcomes the `count`-th connection. */
  async greet(count: number) {
    this.caller = await this.server.caller(count)
    const { machine_id, machine } = await this.caller.welcome()
    this.machineId = String(machine_id)
    assert.equal((machine as { policy: { signed: boolean } }).policy.signed, true)
  }

  /** Sends a frame. @returns the result of the command */
  async send(
    command: Command,
  ): Promise<Frame & { ok?: boolean; error?: { message: string; path?: string } }> {
    const { frames } = this.caller
    const before = frames.length
    this.caller.send(command)
    return until(() => frames.slice(before).find(({ command_id }) => command_id === command.command_id), {
      what: `the result of ${command.type}`,
    }) as Promise<Frame>
  }

  async isRefused(command: Command, message: RegExp) {
    const { ok, error } = await this.send(command)
    assert.deepEqual([ok, error?.path], [false, 'signed_by'], command.type)
    assert.match(error!.message, message)
  }

  newId = () => `c-${++this.#count}`

  sign = <C extends Command>(command: C, machineId = this.machineId, signer = this.alice): Promise<C> =>
    signedBy(signer, command, machineId)

  prompt = (content: string, agent_id = 'a-1'): Command => ({
    type: 'agent:prompt',
    command_id: this.newId(),
    agent_id,
    content,
  })

  /** Returns the number of lines with this text in the output of agents. */
  said = (text: string): number =>
    this.caller
      .ofType('agent:activity')
      .flatMap(({ events }) => events as object[])
      .filter((event) => JSON.stringify(event).includes(text)).length
}

const start = (hub: StolenHub, agent_id: string): Command => ({
  type: 'agent:start',
  command_id: hub.newId(),
  agent_id,
  spec: { runtime: 'claude', cwd: hub.stage.cwd },
})

test('a stolen hub can interrupt and stop agents, and nothing else', async (t) => {
  const hub = await StolenHub.open(t)
  const agent = { agent_id: 'a-1' }
  const bodies: Record<keyof typeof Commands, object> = {
    'agent:start': { agent_id: 'a-2', spec: { cwd: hub.stage.cwd } },
    'agent:prompt': { ...agent, content: 'evil' },
    'agent:permission': { ...agent, request_id: 'r', decision: 'allow' },
    'agent:answer': { ...agent, request_id: 'r', answers: {} },
    'agent:configure': { ...agent, model: 'other' },
    'agent:resume': agent,
    'agent:remove': { ...agent, force: true },
    'agent:merge': agent,
    'agent:discard': agent,
    'workspace:diff': agent,
    'workspace:file': { ...agent, path: 'a.txt' },
    'daemon:restart': {},
    'daemon:update': {},
    'agent:interrupt': agent,
    'agent:withdraw': { ...agent, prompt_id: '00000000-0000-8000-8000-000000000000' },
    'agent:stop': agent,
    'machine:check': {},
  }
  assert.equal((await hub.send(await hub.sign(start(hub, 'a-1')))).ok, true)
  for (const [type, body] of Object.entries(bodies).filter(([type]) => SIGNED.includes(type as never)))
    await hub.isRefused({ type, command_id: hub.newId(), ...body } as Command, /without a signature/)
  const withdrawal = { type: 'agent:withdraw', command_id: hub.newId(), ...bodies['agent:withdraw'] }
  assert.equal((await hub.send(withdrawal as Command)).error?.path, 'prompt_id')
  for (const type of ['machine:check', 'agent:interrupt', 'agent:stop'] as const)
    assert.equal(
      (await hub.send({ type, command_id: hub.newId(), ...bodies[type] } as Command)).ok,
      true,
      type,
    )
})

test('a stolen hub cannot change or repeat a signed command, or send it as another type, to another agent or machine, or too late', async (t) => {
  const hub = await StolenHub.open(t)
  for (const id of ['a-1', 'a-2']) assert.equal((await hub.send(await hub.sign(start(hub, id)))).ok, true)
  const prompt = await hub.sign(hub.prompt('good words'))
  const { signed } = prompt

  const payload = signed!.payload.replace('good', 'evil')
  await hub.isRefused({ ...prompt, signed: { ...signed!, payload } }, /does not match/)
  const mallory = person()
  await hub.isRefused(await hub.sign(prompt, hub.machineId, mallory), /policy does not list/)
  const { signature } = (await hub.sign(prompt, hub.machineId, mallory)).signed!
  await hub.isRefused({ ...prompt, signed: { ...signed!, signature } }, /does not match/)
  await hub.isRefused({ ...prompt, type: 'agent:resume' } as Command, /for agent:prompt/)
  await hub.isRefused({ ...prompt, agent_id: 'a-2' } as Command, /another agent/)
  await hub.isRefused(await hub.sign(hub.prompt('good words'), 'another-machine'), /another machine/)
  const late = { ...hub.alice, validMs: -121_000 }
  await hub.isRefused(await hub.sign(hub.prompt('good words'), hub.machineId, late), /has expired/)

  // The refusals have not used up the command's id. The daemon ignores fields next to the signed text.
  const beside = { ...prompt, content: 'evil words' } as Command
  const done = await hub.send(beside)
  assert.equal(done.ok, true)
  assert.deepEqual((await hub.send(prompt)).prompt_id, done.prompt_id)
  await hub.isRefused({ ...prompt, command_id: hub.newId() }, /another id/)
  await until(() => hub.said('good words') > 0, { what: 'the prompt' })
  await hub.send({ type: 'agent:stop', command_id: hub.newId(), agent_id: 'a-1' })
  assert.equal(hub.said('evil'), 0)
})

test('a repeat of a command is answered even after the signature has expired or the daemon has restarted', async (t) => {
  const hub = await StolenHub.open(t)
  const started = await hub.sign(start(hub, 'a-1'), hub.machineId, { ...hub.alice, validMs: -118_000 })
  assert.equal((await hub.send(started)).ok, true)
  await new Promise((resolve) => setTimeout(resolve, 2500))
  assert.equal((await hub.send(started)).ok, true)
  await hub.isRefused({ ...started, command_id: hub.newId() }, /another id/)

  const [program, ...first] = RUN
  const restart = execa(program, [...first, 'restart'], { env: hub.stage.env, cwd: hub.stage.dir })
  await hub.greet(2)
  assert.match((await restart).stdout, /The daemon is back/)
  assert.equal((await hub.send(started)).ok, true)
  await hub.isRefused(hub.prompt('evil'), /without a signature/)
  assert.equal((await hub.send(await hub.sign(hub.prompt('good words')))).ok, true)
})

test('a stolen hub cannot make a machine update by refusing the machine’s connection', async (t) => {
  const hub = await StolenHub.open(t)
  const refuse = { type: 'server:refuse', code: 'protocol_version', message: 'old', retry_after_s: 0 }
  const refusedBy = async (count: number) => {
    const caller = await hub.server.caller(count)
    await caller.received('machine:hello')
    caller.send({ ...refuse, update_to: '9.9.9' })
    const [hello] = (await hub.server.caller(count + 1)).frames
    return (hello ?? (await (await hub.server.caller(count + 1)).received('machine:hello'))).machine as {
      update?: { requested?: string }
    }
  }
  hub.caller.socket.terminate()
  assert.equal((await refusedBy(2)).update, undefined)
  writeFileSync(hub.policy, 'version = 1\n')
  assert.notEqual(
    (await refusedBy(3)).update,
    undefined,
    'if the policy requires no signatures, the machine updates',
  )
})
