import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { HubKey } from '../../src/protocol/index.ts'
import type { TestHub } from './hub.ts'
import { helloOf, LightDaemon } from './light-daemon.ts'
import { until } from './wait.ts'

/** Sends a greeting. @returns `welcome`, or the code of the hub's refusal */
export async function greet(hub: TestHub, key: string, machine_id: string) {
  const daemon = await LightDaemon.dial(hub.url, key)
  daemon.send(helloOf({ machine_id, instance_id: `${key} ${machine_id}`, hostname: machine_id }))
  const answer = await until(
    () => daemon.frames.find(({ type }) => type === 'server:welcome' || type === 'server:refuse'),
    { what: 'an answer to the greeting' },
  )
  return { daemon, answer, outcome: answer.type === 'server:welcome' ? 'welcome' : answer.code }
}

export const outcome = async (hub: TestHub, key: string, machineId: string) => {
  const { daemon, outcome } = await greet(hub, key, machineId)
  daemon.socket.terminate()
  await daemon.ended()
  return outcome
}

export const keys = async (hub: TestHub) => (await hub.api<{ keys: HubKey[] }>('GET', '/api/keys')).keys

export const keyOf = async (hub: TestHub, name: string) => (await keys(hub)).find((key) => key.name === name)!

export const idOf = (key: string) => createHash('sha256').update(key).digest('hex').slice(0, 12)

export const bind = (hub: TestHub, key: string, machine_id: string) =>
  hub.api<HubKey & { revoked_keys: number }>('POST', `/api/keys/${idOf(key)}/bind`, { machine_id })

/**
 * Makes the hub's folder look like the folder of a version without bound keys. In such a folder, only `last`
 * names the machine that used a key.
 */
export async function fromBefore(hub: TestHub, known: string[], last: Record<string, string> = {}) {
  await hub.stop()
  const path = join(hub.dir, 'keys.json')
  const file = JSON.parse(readFileSync(path, 'utf8'))
  for (const key of file.keys) {
    for (const fact of ['machines', 'bound', 'used_at', 'heir_of', 'machine_id']) delete key[fact]
    if (last[key.name]) key.machine_id = last[key.name]
  }
  writeFileSync(path, JSON.stringify(file))
  const status = helloOf().machine
  const record = { hostname: 'h', os: 'linux', arch: 'x64', daemon_version: '0.1.0', since: '', status }
  const machines = known.map((machine_id) => ({ machine_id, ...record }))
  writeFileSync(join(hub.dir, 'machines.json'), JSON.stringify({ version: 1, machines }))
  await hub.start()
}
