import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Command } from 'commander'
import fc from 'fast-check'
import type * as z from 'zod/mini'
import { program } from '../../src/cli/program.ts'
import { openPrompt } from '../../src/cli/prompt.ts'
import { colors } from '../../src/cli/render/ansi.ts'
import { forTerminal, jsonLine } from '../../src/cli/terminal.ts'
import * as protocol from '../../src/protocol/index.ts'
import { fakeStage } from '../support/fake-agent.ts'
import { harmless, harmlessJson, OBEYED, STYLE } from '../support/harmless.ts'
import { FORGED, hostile, sampleOf, VARIANTS } from '../support/hostile.ts'
import { HostileHub, type Mood } from '../support/hostile-hub.ts'
import { LightDaemon } from '../support/light-daemon.ts'
import { LightServer } from '../support/light-server.ts'
import { cliHost } from '../support/run-cli-host.ts'
import { RUN, Stage } from '../support/stage.ts'
import { tempDir } from '../support/temp.ts'
import { until } from '../support/wait.ts'

const {
  Commands,
  DAEMON_CAPABILITIES,
  FromDaemon,
  FromServer,
  HubKey,
  HubMachine,
  HubRollout,
  HubSession,
  HubToken,
  PROTOCOL,
} = protocol

interface Leaf {
  words: string[]
  command: Command
}

const leaves = (command: Command, words: string[] = []): Leaf[] => [
  ...(command.commands.length === 0 ? [{ words, command }] : []),
  ...command.commands.flatMap((each) => leaves(each as Command, [...words, each.name()])),
]

const idOf = (
  schema: typeof HubMachine | typeof HubKey | typeof HubToken | typeof HubSession | typeof HubRollout,
  field: string,
) => String((sampleOf(schema as typeof HubMachine) as Record<string, unknown>)[field])

/** Values for the arguments of commands that talk to a hub. */
const ARGUMENTS: Record<string, string> = {
  machine: idOf(HubMachine, 'machine_id'),
  key: idOf(HubKey, 'key_id'),
  token: idOf(HubToken, 'token_id'),
  session: idOf(HubSession, 'session_id'),
  rollout: idOf(HubRollout, 'rollout_id'),
  to: 'canary',
  'k=v': 'site=berlin',
  version: '1.0.0',
  name: 'other',
  prompt: 'hello',
  answers: '1',
  path: 'src',
}

const NEEDED: Record<string, string[]> = {
  'agent start': ['--prompt', 'hello', '--machine', ARGUMENTS.machine!],
  'agent configure': ['--model', 'm'],
}

const isFlag = ({ required, optional, hidden }: Command['options'][number]) =>
  !required && !optional && !hidden

const all = leaves(await program(['--help']))
const ofHub = all.filter(({ command }) => command.options.some(({ long }) => long === '--hub'))

test('no command prints a hub’s text unescaped, in any text field of its protocol', async (t) => {
  const hub = await HostileHub.open(t)
  const dir = tempDir(t)
  writeFileSync(join(dir, 'key'), 'fmu_x', { mode: 0o600 })
  const { privateKey } = generateKeyPairSync('ed25519')
  writeFileSync(join(dir, 'sign.key'), privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  const env = { PATH: process.env.PATH ?? '', HOME: dir, FOMULAR_STATE_DIR: join(dir, 'state') }
  const run = cliHost(t, {
    ...env,
    FOMULAR_HUB_URL: hub.url,
    FOMULAR_HUB_KEY_FILE: join(dir, 'key'),
    FOMULAR_SIGN_KEY: join(dir, 'sign.key'),
    FORCE_COLOR: '1',
  })
  const shown: string[] = []
  const look = async (words: string[], args: string[], mood: Mood, json: boolean) => {
    hub.mood = mood
    const line = [...words, ...args, ...(json ? ['--json'] : [])]
    const { stdout, stderr } = await run(...line)
    const what = `${mood}: ${line.join(' ')}`
    if (json) harmlessJson(stdout, what)
    else harmless(stdout, what)
    harmless(stderr, what)
    if (stdout.includes('OWNED') || stderr.includes('OWNED')) shown.push(words.join(' '))
    // Only an agent's text can have several lines.
    const says = !json && line.some((word) => ['log', 'watch', '--wait'].includes(word))
    for (const text of says ? [stderr] : [stdout, stderr])
      assert.doesNotMatch(text.replace(STYLE, ''), new RegExp(`^${FORGED}`, 'm'), what)
  }
  for (const { words, command } of ofHub) {
    const names = command.registeredArguments.map((argument) => argument.name())
    const args = (id: string) =>
      names.map((name) => (name === 'id' ? id : (ARGUMENTS[name] ?? assert.fail(`what is <${name}>?`))))
    const needed = NEEDED[words.join(' ')] ?? []
    const flags = command.options
      // With these flags, a command does not end, and shows the same text.
      .filter((option) => !['--json', '--follow', '--watch'].includes(option.long ?? '') && isFlag(option))
      .map(({ long }) => long!)
    const ids = names.includes('id') ? VARIANTS.map((variant) => `a-${variant}`) : ['']
    for (const id of ids) await look(words, [...args(id), ...needed], 'succeeds', false)
    for (const flag of flags) await look(words, [...args('a-0'), ...needed, flag], 'succeeds', false)
    for (const mood of ['fails', 'breaks'] as const)
      await look(words, [...args('a-2'), ...needed], mood, false)
    for (const mood of ['succeeds', 'breaks'] as const)
      await look(words, [...args('a-4'), ...needed], mood, true)
  }
  assert.deepEqual(hub.unknown, [])
  // Each of these commands shows text from the hub.
  const silent = ofHub.map(({ words }) => words.join(' ')).filter((words) => !shown.includes(words))
  assert.deepEqual(silent, [])
})

/** Returns all messages of one side, except messages that end the daemon or use the network. */
const saidBy = (side: Record<string, z.ZodMiniType>) =>
  Object.entries(side)
    .filter(([type]) => !/^(daemon|server):/.test(type))
    .flatMap(([, schema]) => VARIANTS.map((variant) => sampleOf(schema, variant) as { type: string }))

test('no server’s text reaches a terminal unescaped through the daemon, its log, or a command', async (t) => {
  const server = await LightServer.open(t)
  const stage = await fakeStage(t)
  const refusal = sampleOf(FromServer['server:refuse']) as object
  const welcome = sampleOf(FromServer['server:welcome']) as object
  const daemon = server.daemon(stage, { FOMULAR_LOG_LEVEL: 'trace' })
  const first = await server.caller(1)
  await first.received('machine:hello')
  first.send({ ...refusal, retry_after_s: 0 })
  const caller = await server.caller(2)
  await caller.received('machine:hello')
  caller.send({ ...welcome, protocol: PROTOCOL, offsets: {}, journals: {} })
  for (const frame of saidBy({ ...FromServer, ...Commands })) caller.send(frame)
  caller.socket.on('message', (data) => {
    const { type, nonce } = JSON.parse(String(data))
    if (type === 'link:ping') caller.send({ type: 'link:pong', nonce })
  })
  await caller.settled()
  await until(() => daemon.log().includes('OWNED'))
  const run = cliHost(t, { ...stage.env, FORCE_COLOR: '1' })
  for (const words of [['status'], ['doctor'], ['logs'], ['config', 'show']]) {
    const text = await run(...words)
    harmless(text.stdout + text.stderr, words.join(' '))
    const json = await run(...words, '--json')
    harmlessJson(json.stdout, words.join(' '))
    harmless(json.stderr, words.join(' '))
  }
  daemon.kill('SIGTERM')
  await daemon.ended
  harmless(daemon.log().replaceAll('\t', '\x00'), 'the daemon')
  assert.doesNotMatch(daemon.log(), new RegExp(`^${FORGED}`, 'm'))
  harmlessJson(readFileSync(join(stage.state, 'daemon.log'), 'utf8'), 'daemon.log')
})

test('no machine’s text reaches a terminal unescaped through the hub, its log, or its API', async (t) => {
  const stage = await Stage.open(t)
  const hello = sampleOf(FromDaemon['machine:hello'], 1) as protocol.Hello
  // The machine is already known, because a new machine could not have such an id.
  const { machine_id, hostname, os, arch, daemon_version, machine: status } = hello
  const known = { machine_id, hostname, os, arch, daemon_version, since: '', status }
  mkdirSync(join(stage.state, 'hub'), { recursive: true, mode: 0o700 })
  writeFileSync(join(stage.state, 'hub/machines.json'), JSON.stringify({ version: 1, machines: [known] }))
  const hub = await stage.hub([...RUN])
  const key = readFileSync(join(stage.state, 'hub/machine.key'), 'utf8').trim()
  const stranger = await LightDaemon.dial(stage.hubUrl, key)
  stranger.send({ ...hello, protocol: PROTOCOL, machine_id: hostile(), capabilities: [] })
  await until(() => stranger.frames.some(({ type }) => type === 'server:refuse'), { what: 'a refusal' })
  const machine = await LightDaemon.greet({
    url: stage.hubUrl,
    key,
    hello: { ...hello, protocol: PROTOCOL, capabilities: [...DAEMON_CAPABILITIES] },
  })
  t.after(() => machine.socket.terminate())
  for (const frame of saidBy(FromDaemon)) machine.send(frame)
  machine.send({ type: hostile(), command_id: 'c' })
  machine.send(hostile())
  await machine.settled()
  await until(() => hub.log().includes('OWNED'))
  await stage.request('GET', `/api/${encodeURIComponent(hostile())}`)
  await stage.request('POST', '/api/agents', { [hostile()]: hostile(), agent_id: hostile() })
  for (const path of [
    '/api/machines',
    '/api/agents',
    `/api/agents/a-1`,
    '/api/agents/a-1/events',
    '/api/nowhere\u009b',
  ])
    harmlessJson(await (await stage.request('GET', path)).text(), path)
  hub.kill('SIGTERM')
  await hub.ended
  harmless(hub.log().replaceAll('\t', '\x00'), 'the hub')
  assert.doesNotMatch(hub.log(), new RegExp(`^${FORGED}`, 'm'))

  const orphan = { version: 1, agent_id: 'orphan', machine_id: hostile(), gone: false }
  mkdirSync(join(stage.state, 'hub/agents/orphan'), { recursive: true })
  writeFileSync(join(stage.state, 'hub/agents/orphan/agent.json'), JSON.stringify(orphan))
  const check = stage.run(['hub', 'store', 'check', join(stage.state, 'hub')])
  assert.equal(await check.ended, 1)
  assert.match(check.log(), /OWNED/)
  harmless(check.log(), 'hub store check')
})

/** Commands that show no foreign text, or that the tests above cover. */
const OTHERS = [
  'run',
  'up',
  'enroll',
  'status',
  'logs',
  'metrics',
  'doctor',
  'hub store check',
  'hub store migrate',
  'config show',
  'config check',
  'key new',
  'key show',
  'policy init',
  'policy check',
  'policy explain',
  'restart',
  'service install',
  'service uninstall',
  'service start',
  'service stop',
  'service restart',
  'service status',
  'service logs',
  'service print',
  'stop',
  'support',
  'update',
  'completion',
  'conformance',
]

test('every command is tested with a hub’s text, or listed as an exception', () => {
  const names = all.filter((each) => !ofHub.includes(each)).map(({ words }) => words.join(' '))
  assert.deepEqual(names.sort(), OTHERS.sort())
})

test('escaped JSON has the same value as before, and contains no terminal controls', () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: 'binary' }), (value) => {
      const text = jsonLine(value)
      assert.doesNotMatch(text.slice(0, -1), new RegExp(`${OBEYED.source}|[\t\n]`))
      assert.doesNotMatch(text, /\p{Default_Ignorable_Code_Point}|\u2800/u)
      assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(value)))
    }),
    { numRuns: 30 },
  )
})

test('questions at the terminal are escaped like other output', async (t) => {
  const prompt = await openPrompt()
  t.after(() => prompt.close())
  const { write } = process.stdout
  let said = ''
  process.stdout.write = ((text: string) => {
    said += text
    return true
  }) as typeof write
  try {
    void prompt.question(hostile())
  } finally {
    process.stdout.write = write
  }
  assert.match(said, /OWNED/)
  harmless(said, 'the question')
})

test('the program’s styles are distinguished from the same sequences in foreign text', () => {
  const { red } = colors(true)
  assert.equal(forTerminal(red('a\x1b[31mb')), '\x1b[31ma␛[31mb\x1b[39m')
})
