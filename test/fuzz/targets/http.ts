import { connect } from 'node:net'
import type { Random } from '../../chaos/random.ts'
import { enroll } from '../../support/enroll.ts'
import type { Cleanup } from '../../support/temp.ts'
import { generated } from '../generate.ts'
import { damaged, junk, mutated, written } from '../mutate.ts'
import { mib, sizeOf, type Target } from '../target.ts'
import { MachineLink } from './machine-link.ts'
import { type Served, servedHub } from './served.ts'

/** Number of simultaneous requests. */
const AT_ONCE = 32
/**
 * Time after which the client closes the connection, in milliseconds. Some requests wait, and some never end.
 */
const PATIENCE_MS = 150
/** Placeholder for the hub's user key. */
const KEY = 'KEY-OF-THE-USER'
const ANSWER_BYTES = 64 * 1024

const AGENT_COMMANDS = [
  'Prompt',
  'Interrupt',
  'Permission',
  'Answer',
  'Configure',
  'Stop',
  'Resume',
  'Remove',
]

/** Methods, paths, and the definitions of their bodies. */
const ROUTES: readonly (readonly [method: string, path: string, body?: string])[] = [
  ['GET', '/health'],
  ['GET', '/install.sh'],
  ['GET', '/releases/latest/x'],
  ['GET', '/api/machines'],
  ['PATCH', '/api/machines/M', 'RenameRequest'],
  ['DELETE', '/api/machines/M'],
  ['POST', '/api/machines/M/check'],
  ['POST', '/api/machines/M/restart'],
  ['POST', '/api/machines/M/update', 'DaemonUpdate'],
  ['GET', '/api/agents'],
  ['POST', '/api/agents', 'StartRequest'],
  ['GET', '/api/agents/A'],
  ...AGENT_COMMANDS.map((name) => ['POST', `/api/agents/A/${name.toLowerCase()}`, `Agent${name}`] as const),
  ['POST', '/api/agents/A/move', 'MoveRequest'],
  ['GET', '/api/agents/A/events'],
  ['GET', '/api/agents/A/stream'],
  ['GET', '/api/stream'],
  ['GET', '/api/keys'],
  ['POST', '/api/keys/K/bind', 'BindRequest'],
  ['POST', '/api/enrolments', 'EnrolmentRequest'],
  ['GET', '/api/me'],
  ['GET', '/api/sessions'],
  ['POST', '/api/sessions'],
  ['DELETE', '/api/sessions/K'],
  ['POST', '/api/sign-in-tokens'],
  ['POST', '/sign-in', 'SignInRequest'],
  ['POST', '/enroll', 'EnrollRequest'],
  ['POST', '/enroll/check', 'EnrollCheck'],
]

const QUERIES = [
  '',
  '',
  'wait=0',
  'wait=1e9',
  'limit=1',
  'limit=1e300',
  'after=0',
  'after=5be0c2f1:7',
  'machine_id=machine-1',
  'limit=2&after=bQAAAGEA',
  'fields=state,pending',
  'state=idle,waiting&pending=false&connected=true',
  'cwd=/&runtime=claude&gone=false',
]

function path(template: string, random: Random): string {
  const name = (of: string) =>
    random.chance(0.15) ? encodeURIComponent(Buffer.from(String(junk(random))).toString()) : of
  const filled = template
    .replace('M', name('machine-1'))
    .replace('/A', `/${name(random.pick(['a1', 'a2', 'a3', 'a4', 'new']))}`)
    .replace('/K', `/${name('k')}`)
  const query = random.pick(QUERIES)
  return query === '' ? filled : `${filled}?${query}`
}

const plain = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value))

function request(random: Random): Buffer {
  const [method, template, definition] = random.pick(ROUTES)
  const value = definition === undefined ? {} : generated(definition, random)
  const body =
    method === 'GET' ? Buffer.alloc(0) : written(random.chance(0.3) ? value : mutated(value, random), random)
  const named = { method, path: path(template, random), length: String(body.length), key: `Bearer ${KEY}` }
  const said = ((random.chance(0.1) && mutated(named, random)) || named) as Partial<typeof named>
  const head = [
    `${plain(said.method)} ${plain(said.path)} HTTP/1.1`,
    'host: 127.0.0.1',
    'connection: close',
    ...(said.key === undefined ? [] : [`authorization: ${plain(said.key)}`]),
    ...(said.length === undefined
      ? ['transfer-encoding: chunked']
      : [`content-length: ${plain(said.length)}`]),
    ...(random.chance(0.2) ? [`content-type: ${random.pick(['text/html', 'application/json', 'x'])}`] : []),
    ...(random.chance(0.05)
      ? [`last-event-id: ${random.pick(['0', 'x', '5be0c2f1:7', '5be0c2f15be0.7'])}`]
      : []),
    ...(random.chance(0.05) ? [`if-none-match: ${random.pick(['*', 'W/"x"', ','.repeat(500)])}`] : []),
    ...(random.chance(0.05) ? [`accept-encoding: ${random.pick(['gzip', 'gzip;q=0', 'x'])}`] : []),
    ...(random.chance(0.05)
      ? [`x-fomular-session: ${random.pick(['x', `${'0'.repeat(16)}.${'x'.repeat(43)}`])}`]
      : []),
    ...(random.chance(0.05)
      ? [`cookie: ${random.pick([';'.repeat(500), `fomular_session_${'0'.repeat(16)}=x`])}`]
      : []),
    ...(random.chance(0.05) ? [`x-forwarded-for: ${random.pick(['1.2.3.4', '::1', ','.repeat(500)])}`] : []),
  ]
  const whole = Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body])
  return random.chance(0.1) ? damaged(whole, random) : whole
}

/** Returns a request for a WebSocket, with a wrong key or without a key. Frames follow the request. */
function upgrade(random: Random): Buffer {
  const head = [
    `GET ${random.pick(['/', '/machine', '/api/stream'])} HTTP/1.1`,
    'host: 127.0.0.1',
    `connection: ${random.pick(['Upgrade', 'Upgrade', 'close'])}`,
    `upgrade: ${random.pick(['websocket', 'websocket', 'h2c'])}`,
    `sec-websocket-version: ${random.pick(['13', '13', '8', 'x'])}`,
    `sec-websocket-key: ${random.pick(['AAAAAAAAAAAAAAAAAAAAAA==', 'x'])}`,
    ...(random.chance(0.5) ? [`authorization: Bearer ${random.pick([KEY, 'x', '\x80'])}`] : []),
    ...(random.chance(0.2)
      ? ['sec-websocket-extensions: permessage-deflate; client_max_window_bits=99']
      : []),
  ]
  const frame = Buffer.from([
    random.pick([0x81, 0x82, 0x88, 0xf1, 0x01]),
    random.pick([0xff, 0xfe, 0x85, 0x05]),
  ])
  const whole = Buffer.concat([
    Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1'),
    frame,
    Buffer.alloc(12),
  ])
  return random.chance(0.3) ? damaged(whole, random) : whole
}

/** A hub's HTTP API, with a machine that carries out the hub's commands. */
export async function http(t: Cleanup): Promise<Target> {
  let hub = await open(t)
  return {
    batch: 200,
    memoryLimit: mib(1024),
    input: (random) => (random.chance(0.05) ? upgrade(random) : request(random)),
    async feed(inputs) {
      const waiting = [...inputs]
      const work = async () => {
        for (let input = waiting.pop(); input; input = waiting.pop()) await ask(hub, input)
      }
      await Promise.all(Array.from({ length: AT_ONCE }, work))
    },
    async check() {
      hub.alive()
      const health = await fetch(`${hub.url}/health`)
      if (health.status !== 200) throw new Error(`/health: ${health.status} ${await health.text()}`)
      // A request with the key may have removed the machine, or revoked the key.
      if (!(await hub.comeBack())) hub = await open(t)
      hub.alive()
    },
    memory: () => hub.memory(),
    disk: () => sizeOf(hub.state),
  }
}

interface HttpHub extends Served {
  url: string
  state: string
  userKey: string
  /** Reconnects a missing machine. @returns false if the user key is no longer accepted */
  comeBack(): Promise<boolean>
}

async function open(t: Cleanup): Promise<HttpHub> {
  const { stage, ...process } = await servedHub(t)
  const [url, userKey] = [stage.hubUrl, stage.userKey()]
  const connected = async () => (await MachineLink.open(url, await enroll({ url, userKey }))).live()
  let link = await connected()
  t.after(() => link.close())
  return {
    ...process,
    url,
    userKey,
    state: stage.state,
    async comeBack() {
      const answer = await stage.request('GET', '/api/machines')
      if (answer.status === 401) return false
      if (answer.status !== 200) throw new Error(`/api/machines: ${answer.status} ${await answer.text()}`)
      const { machines } = (await answer.json()) as { machines: { connected: boolean }[] }
      if (!machines.some(({ connected }) => connected)) {
        link.close()
        link = await connected()
      }
      return true
    },
  }
}

/** Sends a request, and reads the answer until a timeout. @throws if the answer reports a fault of the hub */
async function ask({ url, userKey }: HttpHub, input: Buffer): Promise<void> {
  const bytes = Buffer.from(input.toString('latin1').replaceAll(KEY, userKey), 'latin1')
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  let answer = ''
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, PATIENCE_MS)
    const over = () => {
      clearTimeout(timer)
      resolve()
    }
    socket.on('connect', () => socket.write(bytes))
    socket.on('error', over).on('close', over)
    socket.on('data', (data) => {
      answer += data.toString('latin1')
      if (answer.length > ANSWER_BYTES) over()
    })
  })
  socket.destroy()
  const [, status = ''] = /^HTTP\/1\.1 (\d+)/.exec(answer) ?? []
  if (status.startsWith('5') && !['501', '503', '505'].includes(status))
    throw new Error(`${answer.slice(0, 2000)}\nto\n${input.toString('latin1').slice(0, 2000)}`)
}
