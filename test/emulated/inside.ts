/**
 * Runs in an emulated machine: a hub, the daemon as a service, and agents under limits. Prints each fact
 * that a person would see, as a line `FACT NAME JSON`.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

interface Agent {
  agent_id: string
  state: string
  pid?: number
  queued?: { place?: number; reason?: string }
}

const HUB = 'http://127.0.0.1:3001'
const POLICY = '/etc/fomular-daemon/policy.toml'
/** Memory that an agent holds from its start, in MiB. */
const BALLAST = 40
const STARTS = 200

const fact = (name: string, value: unknown) => console.log(`FACT ${name} ${JSON.stringify(value ?? null)}`)
const run = (program: string, ...args: string[]) => execFileSync(program, args, { encoding: 'utf8' })
const shell = (command: string) => run('sh', '-c', command)
/** Returns the number of `sleep` processes with this argument. */
const sleepers = (seconds: string) => Number(shell(`pgrep -fc '^sleep ${seconds}' || true`))

let key = ''
async function api<T>(method: string, path: string, body?: object): Promise<T> {
  const response = await fetch(`${HUB}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  })
  return (await response.json()) as T
}

type Found<T> = Exclude<T, false | undefined>

async function until<T>(what: string, read: () => T | Promise<T>, timeoutMs = 240_000): Promise<Found<T>> {
  for (const end = Date.now() + timeoutMs; ; await sleep(500)) {
    const value = await (async () => read())().catch(() => undefined)
    if (value) return value as Found<T>
    if (Date.now() > end) throw new Error(`timed out: ${what}`)
  }
}

const agents = async () => (await api<{ agents: Agent[] }>('GET', '/api/agents')).agents
const agent = async (id: string) => (await agents()).find(({ agent_id }) => agent_id === id)
const order = (id: string, name: string, body: object = {}) =>
  api<object>('POST', `/api/agents/${id}/${name}`, body)
const start = (agent_id: string, env: object = {}) =>
  api<object>('POST', '/api/agents', { agent_id, spec: { cwd: '/home/bob', env } })

/** Starts the hub and the daemon, which runs as a service of bob. */
async function open() {
  shell('useradd --create-home --shell /bin/bash bob; mkdir -p /etc/fomular-daemon')
  policy('')
  run(
    'systemd-run',
    '--quiet',
    '--unit=hub',
    '--setenv=HOME=/root',
    'fomular-daemon',
    'hub',
    '--data-dir',
    '/var/lib/hub',
  )
  key = await until('the hub', () => readFileSync('/var/lib/hub/user.key', 'utf8').trim())
  await until('the hub', async () => (await fetch(`${HUB}/health`)).ok)
  const server = ['--server-url', 'ws://127.0.0.1:3001', '--key-file', '/var/lib/hub/machine.key']
  // Queries of the system can exceed their timeouts on an emulated processor.
  await until('the service', () => run('fomular-daemon', 'service', 'install', '--user', 'bob', ...server))
  await until(
    'the machine',
    async () => (await api<{ machines: object[] }>('GET', '/api/machines')).machines[0],
  )
}

const policy = (text: string) =>
  writeFileSync(POLICY, `version = 1\nrepository_trust = "any"\n[environment]\nset = ["*"]\n${text}\n`)

async function detached() {
  await start('leaver')
  await until('its start', async () => (await agent('leaver'))?.state === 'idle')
  await order('leaver', 'prompt', { content: 'leave' })
  await until('three programs', () => sleepers('100002') >= 3)
  await sleep(2000)
  fact('left', sleepers('100002'))
  await order('leaver', 'stop', { grace_s: 1 })
  await sleep(1000)
  fact('left_after_stop', sleepers('100002'))
}

async function limits() {
  policy('[resources]\nmemory_max_mb = 150\ntasks_max = 60')
  for (const id of ['small', 'greedy', 'crowd']) {
    await start(id)
    await until(`the start of ${id}`, async () => (await agent(id))?.state === 'idle')
  }
  await order('greedy', 'prompt', { content: 'grow 400' })
  fact(
    'greedy',
    await until('the end of the greedy program', async () => {
      const found = await agent('greedy')
      return JSON.stringify(found).includes('reached its limit') && found
    }),
  )
  await order('crowd', 'prompt', { content: 'fork 300' })
  // The agent may end when it cannot start a further program.
  let most = 0
  for (let looks = 0; looks < 20; looks++) {
    most = Math.max(most, sleepers('100001'))
    await sleep(500)
  }
  fact('crowd', most)
  fact('small', await agent('small'))
  for (const id of ['small', 'greedy', 'crowd']) await order(id, 'remove', { force: true })
  fact('programs_after_limits', sleepers('10000'))
}

async function manyStarts() {
  policy('[resources]\nmemory_reserve_mb = 150')
  // The agents of the other parts need less memory, so the daemon must not expect theirs.
  shell(
    'systemctl stop fomular-daemon; rm -f /var/lib/fomular-daemon/memory.json; systemctl start fomular-daemon',
  )
  shell('fallocate -l 256M /swap && chmod 600 /swap && mkswap -q /swap && swapon /swap')
  const swapped = () =>
    Number(
      /SwapTotal: +(\d+)[\s\S]*SwapFree: +(\d+)/
        .exec(readFileSync('/proc/meminfo', 'utf8'))!
        .slice(1)
        .reduce((total, free) => String(Number(total) - Number(free))),
    )
  const available = () => Number(/MemAvailable: +(\d+)/.exec(readFileSync('/proc/meminfo', 'utf8'))![1]) >> 10
  let [least, most] = [available(), swapped()]
  const watch = setInterval(() => {
    least = Math.min(least, available())
    most = Math.max(most, swapped())
  }, 500)
  const failed: string[] = []
  for (let i = 0; i < STARTS; i++) {
    const send = () => start(`many-${i}`, { BALLAST: String(BALLAST) })
    // The hub may close an idle connection just as the request is sent.
    send()
      .catch(send)
      .then(
        (outcome) => 'error' in outcome && failed.push(JSON.stringify(outcome)),
        (error: Error) => failed.push(String(error.cause ?? error)),
      )
  }
  const many = async () => (await agents()).filter(({ agent_id }) => agent_id.startsWith('many-'))
  let known = 0
  await until(
    'all agents',
    async () => {
      known = (await many()).length
      return known === STARTS
    },
    900_000,
  ).finally(() => fact('known', { known, failed: failed.slice(0, 5) }))
  let before = -1
  const settled = await until(
    'a stable number of agents',
    async () => {
      await sleep(90_000)
      const found = await many()
      const idle = found.filter(({ state }) => state === 'idle').length
      const isStable = idle === before && found.every(({ state, queued }) => state === 'idle' || queued)
      before = idle
      return isStable && found
    },
    900_000,
  )
  const queued = settled.filter((each) => each.queued)
  fact('running', settled.length - queued.length)
  fact('queued', queued.length)
  fact('last', queued.sort((a, b) => (b.queued!.place ?? 0) - (a.queued!.place ?? 0))[0]!.queued)
  fact('reserve', { least_available_mb: least, most_swapped_kb: most })
  const first = settled.find(({ state }) => state === 'idle')!
  await order(first.agent_id, 'remove', { force: true })
  fact(
    'one_more',
    await until(
      'the next in the queue',
      async () =>
        (await many()).filter(({ state }) => state === 'idle').length >= settled.length - queued.length,
    ),
  )
  clearInterval(watch)
}

try {
  mkdirSync('/etc/fomular-daemon', { recursive: true })
  await open()
  fact('daemon', shell('systemctl show fomular-daemon --property=Delegate,DelegateSubgroup,OOMScoreAdjust'))
  await detached()
  await limits()
  await manyStarts()
  fact('daemon_restarts', shell('systemctl show fomular-daemon --property=NRestarts --value').trim())
  fact('kernel', shell('dmesg | grep -ci "out of memory" || true').trim())
} catch (error) {
  fact('error', String((error as Error).stack ?? error))
  console.log(shell('journalctl --no-pager -n 60 -o cat -u fomular-daemon -u hub; free -m; true'))
}
fact('end', true)
