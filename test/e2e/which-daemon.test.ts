// Needs: tmux
import assert from 'node:assert/strict'
import { existsSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { execa } from 'execa'
import { enroll } from '../support/enroll.ts'
import { fakeAgent, fakeStage } from '../support/fake-agent.ts'
import { RUN, Stage } from '../support/stage.ts'
import { Terminal } from '../support/terminal.ts'
import { until } from '../support/wait.ts'

const cli = async (stage: Stage, args: string[], env: Record<string, string> = {}) => {
  const [file, ...before] = RUN
  const options = { env: { ...stage.env, ...env }, extendEnv: false, cwd: stage.cwd, reject: false } as const
  const { exitCode, stdout, stderr } = await execa(file, [...before, ...args], {
    ...options,
    stdin: 'ignore',
  })
  return { code: exitCode, stdout, stderr }
}

test('if several daemons are running, a person selects one of them on the terminal', async (t) => {
  const stage = await fakeStage(t)
  await stage.hub()
  const states = ['one', 'two'].map((name) => join(stage.dir, name))
  for (const dir of states) {
    const key = await enroll({ url: stage.hubUrl, userKey: stage.userKey() })
    writeFileSync(`${dir}.key`, key, { mode: 0o600 })
    stage.run([...stage.daemonArgs(), '--state-dir', dir, '--key-file', `${dir}.key`])
  }
  await until(() => states.every((dir) => existsSync(join(dir, 'daemon.sock'))), { what: 'two daemons' })

  const terminal = await Terminal.open(t, stage, { FOMULAR_STATE_DIR: '' })
  await terminal.begin('fd status')
  const list = await terminal.shows(/daemons are running on this machine:\n[\s\S]*Which one\?$/)
  // Other tests may run daemons on this machine, too.
  const [, number] =
    new RegExp(`^ +(\\d+)\\. the daemon in ${states[1]}`, 'm').exec(list.replace(/(\S)\n(?! )/g, '$1')) ?? []
  assert.ok(number !== undefined, list)
  await terminal.type(number)
  const { code, text } = await terminal.over()
  assert.equal(code, 0, text)
  assert.match(text, new RegExp(`State +${states[1]}\n`))

  await terminal.begin('fd stop')
  await terminal.shows(/Which one\?$/)
  await terminal.type('')
  const none = await terminal.over()
  assert.equal(none.code, 2)
  assert.match(none.text, /No valid choice was made/)
  await terminal.begin('fd update')
  await terminal.shows(/Which one\?$/)
  await terminal.press('C-c')
  assert.equal((await terminal.over()).code, 130)
  for (const dir of states) assert.equal((await cli(stage, ['stop', '--state-dir', dir])).code, 0)
})

test('`status` says when the missing daemon of a state folder was last seen', async (t) => {
  const stage = await fakeStage(t)
  await stage.hub()
  const daemon = await stage.daemon()
  daemon.kill('SIGKILL')
  await daemon.ended
  // The lock and the socket of the killed daemon still exist.
  const { code, stderr } = await cli(stage, ['status'])
  assert.equal(code, 4)
  assert.match(stderr, /No daemon is running on \S+\. It was last seen at \d{4}-\d\d-\d\dT/)
})

test('`agent show` shows everything about an agent except secrets', async (t) => {
  const stage = await fakeStage(t)
  await stage.hub()
  await stage.daemon()
  const agent = await stage.start({
    title: 'Tidy up',
    env: { API_TOKEN: 'secret-token' },
    mcp_servers: { tickets: { command: 'x', env: { KEY: 'secret-key' } } },
    system_prompt: { mode: 'append', text: 'secret-words' },
    restart: { policy: 'on-loss' },
  })
  await stage.agentIs(agent, 'idle')
  const shown = await cli(stage, ['agent', 'show', agent])
  assert.equal(shown.code, 0, shown.stderr)
  for (const line of [
    new RegExp(`^Agent +${agent}: Tidy up$`, 'm'),
    /^State +idle for \d+ s$/m,
    /^Process +\d+, run 1$/m,
    /^Machine +\S+ \(/m,
    /env: {"API_TOKEN":"\[secret\]"}$/m,
    /mcp_servers: {"tickets":"\[secret\]"}$/m,
    /restart: {"policy":"on-loss",/,
    new RegExp(`^Files +${join(stage.state, 'agents', agent)}$`, 'm'),
  ])
    assert.match(shown.stdout, line)
  const { stdout } = await cli(stage, ['agent', 'show', agent.slice(0, 5), '--json'])
  const told = JSON.parse(stdout)
  assert.deepEqual(
    [told.agent_id, told.spec.system_prompt, told.restarts],
    [agent, { mode: 'append', chars: 12 }, []],
  )
  assert.doesNotMatch(shown.stdout + stdout, /secret-/)

  process.kill(told.pid, 'SIGKILL')
  await stage.agentIs(agent, ({ run }) => run === 2)
  assert.equal(JSON.parse((await cli(stage, ['agent', 'show', agent, '--json'])).stdout).restarts.length, 1)
  await stage.command(agent, 'stop')
  const ended = await cli(stage, ['agent', 'show', agent])
  assert.match(
    ended.stdout,
    new RegExp(`Why +The agent was stopped.*\n.*→ Resume it: .* agent resume ${agent}$`, 'm'),
  )
})

test('`up` reports when an agent program is installed', async (t) => {
  const stage = await Stage.open(t)
  const program = fakeAgent(t, stage.dir)
  renameSync(program, `${program}.later`)
  const up = stage.run(['up'], { FOMULAR_CLAUDE_PATH: program })
  await until(() => /Ctrl-C stops everything/.test(up.log()), { what: 'the welcome' })
  assert.doesNotMatch(up.log(), /Runtime +Claude Code [\d.]+ at/)
  renameSync(`${program}.later`, program)
  await stage.api('POST', `/api/machines/${(await stage.machine())!.machine_id}/check`)
  await until(() => up.log().includes(`at ${program}`), {
    what: 'the line about the installed agent program',
  })
  assert.match(up.log(), /Ctrl-C stops everything[\s\S]*\nRuntime +Claude Code [\d.]+ at \S+, logged in\n/)
  up.kill('SIGTERM')
  assert.equal(await up.ended, 0)
})

test('if the machine’s server is elsewhere, no text suggests starting agents on the machine', async (t) => {
  const stage = await Stage.open(t)
  const server = 'wss://os.example.invalid'
  const key = join(stage.dir, 'key')
  await execa('sh', ['-c', `umask 077; echo key > '${key}'`])
  stage.run(['run', '--server-url', server, '--key-file', key])
  await until(() => existsSync(join(stage.state, 'daemon.sock')), { what: 'the daemon' })
  const status = await cli(stage, ['status'])
  assert.match(status.stdout, new RegExp(`No agents\\. The server at ${server} starts them\\.$`))
  const env = { FOMULAR_STATE_DIR: '', FOMULAR_HUB_URL: '', FOMULAR_SERVER_URL: server }
  await cli(stage, ['stop'])
  const listed = await execa('unshare', ['--net', ...RUN, 'agent', 'list'], {
    env: { ...stage.env, ...env },
    extendEnv: false,
    reject: false,
  })
  assert.equal(listed.exitCode, 4, listed.stderr)
  assert.match(
    listed.stderr,
    new RegExp(`No hub is running on this machine: the agents here belong to ${server}\\.`),
  )
  assert.match(listed.stderr, /--hub https:\/\/os\.example\.invalid and the hub's user key/)
})
