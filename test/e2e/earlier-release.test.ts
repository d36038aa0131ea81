// Needs: python3
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { execa } from 'execa'
import type { Verdict } from '../../src/conformance/point.ts'
import type { Activity, Event, HubAgent, Outcome } from '../../src/protocol/index.ts'
import { EARLIER, earlierCommand } from '../support/earlier-release.ts'
import { fakeStage } from '../support/fake-agent.ts'
import {
  allEvents,
  eventsOfTomorrow,
  FullDaemon,
  fullHello,
  helloOfTomorrow,
} from '../support/full-daemon.ts'
import { PythonServer } from '../support/python-server.ts'
import { freePort, RUN, type Stage } from '../support/stage.ts'

/**
 * Returns a function that runs a command of a program on a stage.
 * @throws an error with the output if the exit code differs
 */
function cliOf(stage: Stage, t: TestContext, program: string[] = RUN) {
  return async (args: string[], expected = 0) => {
    const [file, ...before] = program as [string, ...string[]]
    const { stdout, stderr, exitCode } = await execa(file, [...before, ...args], {
      env: stage.env,
      extendEnv: false,
      reject: false,
      cancelSignal: t.signal,
    })
    assert.equal(exitCode, expected, `${args.join(' ')}: ${stdout}\n${stderr}`)
    assert.doesNotMatch(stderr, /not understood|another version/, args.join(' '))
    return stdout
  }
}

const jsonLines = (text: string) =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>)

// The tests mostly wait, so all tests together take about as long as a single test.
describe('the previous release', { concurrency: true }, () => {
  test('a hub accepts, keeps, and shows everything that a daemon sends, even if the hub’s version changes back and forth', async (t) => {
    const stage = await fakeStage(t)
    const earlier = await earlierCommand(stage.dir)
    const id = 'in-idle'
    const kept: string[] = []
    let known: string[] = []
    let asked: string | undefined

    /** Checks that a program shows these agents. */
    const isShown = async (program: string[], ids: string[]) => {
      const cli = cliOf(stage, t, program)
      const [list, log] = await Promise.all(
        [
          ['agent', 'list', '--json'],
          ['agent', 'log', id, '--json'],
          ['agent', 'list'],
          ['machine', 'list'],
        ]
          .concat([['agent', 'log', id]])
          .map((args) => cli(args)),
      )
      const { agents } = JSON.parse(list!) as { agents: HubAgent[] }
      assert.deepEqual(agents.map(({ agent_id }) => agent_id).sort(), [...ids].sort())
      for (const { agent_id, state } of agents)
        if (agent_id.startsWith('in-')) assert.equal(`in-${state}`, agent_id)
      const kinds = jsonLines(log!).map(
        ({ kind, raw }) => (kind === 'unknown' && (raw as { kind?: string }).kind) || kind,
      )
      assert.deepEqual(kinds, kept)
    }

    /** Runs a program as the hub, makes a daemon send everything, and checks that both programs show it. */
    const isHub = async (
      program: string[],
      hello: ReturnType<typeof fullHello>,
      events: ReturnType<typeof allEvents>,
    ) => {
      const hub = await stage.hub(program)
      const key = readFileSync(join(stage.state, 'hub/machine.key'), 'utf8').trim()
      if (kept.length > 0) await isShown(program, known)
      const daemon = await FullDaemon.greet(stage.hubUrl, key, hello)
      t.after(() => daemon.light.socket.terminate())
      if (asked !== undefined) {
        const again = await daemon.light.command('agent:configure')
        assert.equal(again.command_id, asked, 'a hub sends the unanswered command of its predecessor again')
        daemon.light.answer(again)
      }
      await daemon.did(id, events)
      kept.push(...events.map(({ kind }) => kind))
      await daemon.says()
      const order = stage.command(id, 'interrupt')
      daemon.light.answer(await daemon.light.command('agent:interrupt'), { idle: true, of_tomorrow: 1 })
      assert.equal((await order).state, 'succeeded')
      if (program === earlier) {
        const prompt = '00000000-0000-8000-8000-000000000000'
        const said = await cliOf(stage, t)(['agent', 'withdraw', id, prompt, '--json'], 4)
        assert.match(said, /is too old: it lacks the withdrawal of prompts/)
      }
      const configure = `/api/agents/${id}/configure?wait=0`
      asked = (await stage.api<Outcome>('POST', configure, { model: 'opus' })).command_id
      assert.deepEqual(daemon.faults, [])
      known = [...new Set([...known, ...hello.agents.map(({ agent_id }) => agent_id)])]
      for (const either of [earlier, RUN]) await isShown(either, known)
      hub.kill('SIGTERM')
      assert.equal(await hub.ended, 0)
      assert.doesNotMatch(hub.log(), /could not be|damaged/)
    }
    await isHub(earlier, fullHello(), allEvents())
    await isHub(RUN, helloOfTomorrow(), [...allEvents(), ...eventsOfTomorrow()])
    await isHub(earlier, fullHello(), allEvents())
  })

  test('the previous release’s daemon carries out every request from this version’s hub and command line', async (t) => {
    const stage = await fakeStage(t)
    const earlier = await earlierCommand(stage.dir)
    const hub = await stage.hub()
    stage.daemonCommand = earlier
    const daemon = await stage.daemon()
    const cli = cliOf(stage, t)
    const run = async (...args: string[]) =>
      JSON.parse(await cli([...args, '--json'])) as Record<string, unknown>

    const spec = ['--cwd', stage.cwd, '--id', 'one', '--title', 'One', '--model', 'opus', '--effort', 'high']
    const also = [
      '--permission-mode',
      'plan',
      '--allowed-tools',
      'Read',
      '--max-turns',
      '9',
      '--max-budget-usd',
      '9',
    ]
    const life = ['--restart', 'on-loss', '--resume-turn', '--lease', '600:stop-when-idle', '--env', 'A=b']
    assert.equal(
      (await run('agent', 'start', ...spec, ...also, ...life, '--prompt', 'ask')).state,
      'succeeded',
    )
    await stage.agentIs('one', 'waiting')
    // The previous release does not know this field. A newer server might send such a field.
    await stage.command('one', 'configure', { model: 'sonnet', of_tomorrow: 1 })
    for (const what of ['show', 'log']) await cli(['agent', what, 'one'])
    for (const what of [['agent', 'list'], ['machine', 'list'], ['status']]) await cli(what)
    assert.match(await cli(['status']), new RegExp(EARLIER.replaceAll('.', '\\.')))
    await run('agent', 'show', 'one')
    await cli(['logs'])
    await cli(['doctor'])
    await cli(['agent', 'approve', 'one', ...(await stage.asked('one'))])
    await stage.eventually('one', 'text', ({ text }) => text === 'allowed')
    await cli(['agent', 'send', 'one', 'ask Now?'])
    await stage.agentIs('one', 'waiting')
    await cli(['agent', 'answer', 'one', '2', ...(await stage.asked('one'))])
    await stage.eventually('one', 'text', ({ text }) => text === 'No')
    await stage.agentIs('one', 'idle')
    await cli(['agent', 'interrupt', 'one'])
    const prompt = '00000000-0000-8000-8000-000000000000'
    assert.match(await cli(['agent', 'withdraw', 'one', prompt, '--json'], 4), /Update the daemon/)
    assert.match(await cli(['agent', 'send', 'one', 'said back', '--wait']), /said back/)
    await cli(['agent', 'stop', 'one'])
    await stage.agentIs('one', 'exited')
    await cli(['agent', 'resume', 'one', '--prompt', 'emit 3 10'])
    await stage.eventually('one', 'text', ({ text }) => text.startsWith('2 '))
    await cli(['agent', 'remove', 'one', '--force'])

    await stage.renew(() => cli(['restart']))
    await cli(['stop'])
    assert.doesNotMatch(hub.log(), /could not be/)
    assert.doesNotMatch(daemon.log(), /could not be/)
  })

  test('the previous release’s daemon works for a server that is written in another language', async (t) => {
    const stage = await fakeStage(t)
    const folder = join(stage.dir, 'server')
    mkdirSync(folder)
    const port = await freePort()
    const server = new PythonServer(port, 'a-key', folder)
    t.after(() => server.end())
    const args = ['run', '--server-url', `ws://127.0.0.1:${port}`]
    const daemon = stage.run(args, { FOMULAR_KEY: 'a-key' }, await earlierCommand(stage.dir))
    await server.hears('machine:hello')
    const agent_id = 'worker'
    const of_tomorrow = { any: ['thing'] }
    const spec = { cwd: stage.cwd, prompt: 'emit 500 400', of_tomorrow }
    server.order({ type: 'agent:start', agent_id, spec, of_tomorrow })
    await server.hears('agent:start:result', ({ ok }) => ok === true)
    await server.hears('agent:activity', (message) =>
      (message as unknown as Activity).events.some(({ kind }) => kind === 'turn_result'),
    )
    server.order({ type: 'agent:stop', agent_id, of_tomorrow })
    await server.hears('agent:stop:result', ({ ok }) => ok === true)
    daemon.kill('SIGTERM')
    assert.equal(await daemon.ended, 0)
    assert.deepEqual(
      server.said.filter(({ type }) => type === 'protocol:error'),
      [],
    )
    const frames = readFileSync(join(folder, 'worker.jsonl'), 'utf8').split('\n').slice(0, -1)
    const events = frames.flatMap((frame) => (JSON.parse(frame) as Activity).events as Event[])
    const texts = events.flatMap((event) => (event.kind === 'text' ? [event.text] : []))
    assert.deepEqual(
      texts.map((text) => Number.parseInt(text, 10)),
      [...Array(500).keys()],
    )
  })

  /** Returns the points that fail. */
  async function judged(t: TestContext, args: string[]) {
    const [file, ...before] = RUN
    const { stdout, stderr, exitCode } = await execa(
      file,
      [...before, 'conformance', ...args, '--json', '--level', 'optional'],
      { reject: false, env: { FOMULAR_KEY: 'a-key' }, cancelSignal: t.signal },
    )
    assert.match(stdout, /^\{/, stderr)
    assert.equal(exitCode, 1)
    const { points } = JSON.parse(stdout) as { points: Verdict[] }
    return points.flatMap(({ name, level, result }) =>
      result === 'holds' ? [] : `${level} ${name} ${result}`,
    )
  }

  test('the previous release’s daemon passes the core points of the protocol', async (t) => {
    const stage = await fakeStage(t)
    const port = await freePort()
    const judgment = judged(t, ['--listen', String(port)])
    const args = ['run', '--server-url', `ws://127.0.0.1:${port}`]
    const daemon = stage.run(args, { FOMULAR_KEY: 'a-key' }, await earlierCommand(stage.dir))
    // According to the protocol page, daemons up to 0.1.0 ignore commands of unknown types.
    assert.deepEqual(await judgment, ['optional unknown-command fails'])
    daemon.kill('SIGTERM')
    assert.equal(await daemon.ended, 0)
  })

  test('the previous release’s hub passes the core points of the protocol', async (t) => {
    const stage = await fakeStage(t)
    const hub = await stage.hub(await earlierCommand(stage.dir))
    const key = join(stage.state, 'hub/machine.key')
    assert.deepEqual(await judged(t, ['--url', `ws://127.0.0.1:${stage.port}`, '--key-file', key]), [
      // This test gives the simulated machine no commands.
      'core commands untested',
      // The previous release's hub cannot handle restored machines. Other machines are not affected.
      'optional generations fails',
      'optional other-journal fails',
    ])
    hub.kill('SIGTERM')
    assert.equal(await hub.ended, 0)
  })
})
