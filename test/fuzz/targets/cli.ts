import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { join } from 'node:path'
import { ControlClient } from '../../../src/cli/client/control-client.ts'
import { runCli } from '../../../src/cli/program.ts'
import { colors } from '../../../src/cli/render/ansi.ts'
import { statusText } from '../../../src/cli/render/status.ts'
import { report } from '../../../src/cli/report.ts'
import { forTerminal, print } from '../../../src/cli/terminal.ts'
import { hubFiles } from '../../../src/config/hub.ts'
import { EXIT } from '../../../src/platform/exit-codes.ts'
import { identify } from '../../../src/platform/process-identity.ts'
import type { Random } from '../../chaos/random.ts'
import { type Cleanup, tempDir } from '../../support/temp.ts'
import { generated } from '../generate.ts'
import { junk, mutated, written } from '../mutate.ts'
import { recordedEvents } from '../recordings.ts'
import { memoryOf, mib, type Target } from '../target.ts'

/** Timeout of a command, in milliseconds. */
const END_MS = 30_000
/** Number of requests that the hub answers for one command. */
const REQUESTS = 20
/**
 * Characters that control a terminal. These commands print no styles, so their output must not contain such
 * characters.
 */
const OBEYED = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029]/

const STATUS = 'status'
const COMMANDS: readonly string[][] = [
  [STATUS],
  ['agent', 'list'],
  ['agent', 'show', 'ID'],
  ['agent', 'log', 'ID'],
  ['agent', 'log', 'ID'],
  ['agent', 'send', 'ID', 'TEXT'],
  ['agent', 'approve', 'ID'],
  ['agent', 'approve', 'ID', '--always'],
  ['agent', 'deny', 'ID', '--message', 'TEXT'],
  ['agent', 'answer', 'ID', 'TEXT'],
  ['agent', 'interrupt', 'ID'],
  ['agent', 'withdraw', 'ID'],
  ['agent', 'configure', 'ID', '--model', 'TEXT'],
  ['agent', 'stop', 'ID'],
  ['agent', 'resume', 'ID', '--session', 'TEXT'],
  ['agent', 'move', 'ID', 'NAME'],
  ['agent', 'remove', 'ID'],
  ['agent', 'start', '--cwd', '/tmp', '--prompt', 'TEXT'],
  ['machine', 'list'],
  ['machine', 'check', 'NAME'],
  ['machine', 'rename', 'NAME', 'TEXT'],
  ['machine', 'remove', 'NAME'],
  ['hub', 'key', 'list'],
]

/** Answers of the hub and the daemon, by request. They are in base64, because the bytes are arbitrary. */
interface Scene {
  argv: string[]
  code: number
  answers: Partial<Record<Answer, string>>
}

type Answer = 'agents' | 'agent' | 'events' | 'machines' | 'keys' | 'outcome' | 'status'

/** Returns the requests that a command may send. */
function needs([command, action]: string[]): Answer[] {
  if (command === STATUS) return ['status']
  if (command === 'hub') return ['keys']
  if (command === 'machine') return action === 'list' ? ['machines'] : ['machines', 'outcome', 'keys']
  if (action === 'list') return ['agents', 'machines']
  return [
    'agents',
    'agent',
    action === 'log' ? 'events' : 'outcome',
    ...(action === 'move' ? ['machines' as const] : []),
  ]
}

/** Returns answers that are mostly consistent: the list has the agent that other requests name. */
function values(random: Random): Record<Answer, () => unknown> {
  const agent = { ...generated('HubAgent', random), agent_id: 'a1', machine_id: 'm1' }
  const machine = () => ({ ...generated('HubMachine', random), machine_id: 'm1', name: 'first' })
  const events = () =>
    Array.from({ length: random.int(0, 6) }, (_, index) => ({
      ...(random.chance(0.5) ? random.pick(recordedEvents) : generated('Event', random)),
      offset: 7,
      index,
    }))
  return {
    agents: () => ({ agents: [agent] }),
    agent: () => agent,
    events: () => ({ events: events() }),
    machines: () => ({
      machines: [machine()],
      enrolled: random.chance(0.3) ? [generated('HubKey', random)] : [],
    }),
    keys: () => ({ keys: [generated('HubKey', random)] }),
    outcome: () =>
      random.chance(0.8) ? generated('Outcome', random) : { error: generated('CommandError', random) },
    status: () => ({
      ...{ version: '0.1.0', pid: 1, machine_id: 'm1', started_at: '2026-05-04T08:00:00.000Z' },
      ...{ state_dir: '/srv', server_url: 'wss://x', server_hears_ms: 1 },
      link: { state: 'live', since: '2026-05-04T08:00:00.000Z', attempt: 1, last_error: 'x', refused: 'y' },
      machine: generated('MachineStatus', random),
      agents: [agent],
    }),
  }
}

function scene(random: Random): Scene {
  const command = random.pick(COMMANDS)
  const all = values(random)
  const answers = needs(command).map((name) => {
    const value = all[name]()
    const said = random.chance(0.5) ? value : mutated(value, random)
    const bytes = random.chance(0.1) ? written(said, random) : Buffer.from(JSON.stringify(said) ?? '')
    return [name, bytes.toString('base64')]
  })
  const word = (given: string) => {
    if (given !== 'ID' && given !== 'NAME' && given !== 'TEXT') return given
    if (random.chance(0.1)) return `x${String(junk(random))}`
    return { ID: 'a1', NAME: 'first', TEXT: 'some text' }[given]
  }
  const argv = command.map(word)
  if (argv[0] !== STATUS && random.chance(0.2)) argv.push('--json')
  const code = random.chance(0.9) ? 200 : random.pick([201, 204, 302, 400, 401, 404, 409, 429, 500, 503])
  return { argv, code, answers: Object.fromEntries(answers) }
}

function answerTo(method: string, path: string): Answer {
  if (path.startsWith('/status')) return 'status'
  if (path.startsWith('/api/keys')) return 'keys'
  if (/^\/api\/agents\/[^/?]+\/events/.test(path)) return 'events'
  if (method !== 'GET') return 'outcome'
  if (path.startsWith('/api/machines')) return 'machines'
  return /^\/api\/agents\/[^/?]/.test(path) ? 'agent' : 'agents'
}

/** The commands that print answers of a hub or a daemon. They run in this process. */
export async function cli(t: Cleanup): Promise<Target> {
  const dir = tempDir(t)
  let current: Scene | undefined
  let requests = 0
  const answer: RequestListener = (request, response) => {
    request.resume()
    const { method = '', url = '' } = request
    const bytes = Buffer.from(current?.answers[answerTo(method, url)] ?? '', 'base64')
    response.writeHead(++requests > REQUESTS ? 410 : (current?.code ?? 404), { connection: 'close' })
    response.end(requests > REQUESTS ? '' : bytes)
  }
  const [hub, control] = [createServer(answer), createServer(answer)]
  const socket = join(dir, 'daemon.sock')
  const files = hubFiles(join(dir, 'hub'))
  mkdirSync(join(dir, 'hub'), { mode: 0o700 })
  const record = { version: 1, url: 'http://127.0.0.1:1', ...identify(process.pid)!, socket: true }
  writeFileSync(files.record, JSON.stringify(record), { mode: 0o600 })
  await new Promise<void>((resolve) => hub.listen(files.socket, resolve))
  await new Promise<void>((resolve) => control.listen(socket, resolve))
  const env = {
    HOME: dir,
    NO_COLOR: '1',
    FOMULAR_STATE_DIR: dir,
    FOMULAR_HUB_KEY: 'the-key',
  }
  t.after(() => {
    hub.close()
    control.close()
  })
  const run = async ({ argv }: Scene) => {
    if (argv[0] !== STATUS) return runCli(['node', 'fomular-daemon', ...argv])
    print(statusText(await new ControlClient(socket).status(), Date.now(), colors(false)))
  }
  return {
    batch: 50,
    memoryLimit: mib(1024),
    input: (random) => Buffer.from(JSON.stringify(scene(random))),
    async feed(inputs) {
      for (const input of inputs) {
        current = JSON.parse(String(input)) as Scene
        requests = 0
        const { text, code } = await shown(env, () => run(current!), current.argv.includes('--json'))
        const told = `${current.argv.join(' ')}: ${JSON.stringify(text.slice(0, 3000))}`
        if (OBEYED.test(text)) throw new Error(`the output of ${told} controls the terminal`)
        if (/internal error:|"code":"internal"/.test(text)) throw new Error(told)
        if (!Object.values<number>(EXIT).includes(code)) throw new Error(`exit code ${code} of ${told}`)
      }
    },
    check: async () => {},
    memory: () => memoryOf(process.pid),
    disk: () => 0,
  }
}

/** Runs a command like `main.ts`. @returns the output of both streams, and the exit code */
async function shown(env: Record<string, string>, run: () => Promise<void>, json: boolean) {
  let text = ''
  const take = ((chunk: string | Uint8Array) => {
    text += chunk
    return true
  }) as typeof process.stdout.write
  const before = { out: process.stdout.write, err: process.stderr.write, env: process.env }
  process.env = { ...process.env, ...env }
  process.stdout.write = take
  process.stderr.write = take
  process.exitCode = EXIT.ok
  let timer: NodeJS.Timeout | undefined
  try {
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`internal error: no end within ${END_MS} ms`)), END_MS)
    })
    await Promise.race([run(), late])
  } catch (error) {
    const { stdout, stderr, exitCode } = report(error, { json })
    text += forTerminal(stdout + stderr)
    process.exitCode = exitCode
  } finally {
    clearTimeout(timer)
    process.stdout.write = before.out
    process.stderr.write = before.err
    process.env = before.env
  }
  const code = Number(process.exitCode)
  process.exitCode = EXIT.ok
  return { text, code }
}
