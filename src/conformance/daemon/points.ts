import { type Point, Unmet } from '../point.ts'
import { type Host, helloOf } from './host.ts'

export const daemonPoints: Point<Host>[] = [
  {
    name: 'connects',
    level: 'core',
    rule: 'The daemon opens a WebSocket with `Authorization: Bearer` and its key.',
    section: 'Connection',
    async check(host) {
      await host.connection(0, host.waitMs)
    },
  },
  {
    name: 'hello',
    level: 'core',
    rule: 'The daemon sends machine:hello as the first message, within 15 seconds.',
    section: 'Greeting',
    async check(host) {
      const connection = await host.connection()
      await connection.frame('machine:hello', () => true, 0, 15_000)
      if (connection.frames[0]?.type !== 'machine:hello')
        throw new Unmet(`${connection.frames[0]?.type} came first`)
    },
  },
  {
    name: 'early-command',
    level: 'optional',
    rule: 'If a command arrives before the welcome, the daemon answers protocol:error, and still accepts the welcome.',
    section: 'Greeting',
    async check(host) {
      const connection = await host.greeted(false)
      connection.send({ type: 'machine:check', command_id: 'conformance-early' })
      await connection.frame('protocol:error', ({ code }) => code === 'unexpected')
      host.welcome(connection)
      await connection.settled()
    },
  },
  {
    name: 'link-ping',
    level: 'core',
    rule: 'The daemon answers link:ping with link:pong and the same nonce.',
    section: 'Heartbeat',
    async check(host) {
      await (await host.live()).settled()
    },
  },
  {
    name: 'reconnects',
    level: 'core',
    rule: 'After a lost connection, the daemon reconnects and greets again, with the same machine_id.',
    section: 'Connection',
    async check(host) {
      const before = helloOf(await host.live())
      const now = helloOf(await host.greeted())
      if (now.machine_id !== before.machine_id) throw new Unmet('machine_id is different after the reconnect')
    },
  },
  {
    name: 'answers-once',
    level: 'core',
    rule: 'The daemon answers a command with its command_id, and a repeated command with the same result.',
    section: 'Commands',
    async check(host) {
      const connection = await host.live()
      // No machine has this folder, so nothing is started.
      const spec = { cwd: `/nonexistent/conformance-${Date.now()}` }
      const command = { agent_id: `conformance-${Date.now()}`, spec }
      const result = await host.command(connection, 'agent:start', command)
      if (result.type !== 'agent:start:result' || result.ok !== false)
        throw new Unmet(`the answer to a start in a missing folder is ${result.type} with ok ${result.ok}`)
      const behind = connection.frames.length
      connection.send({ type: 'agent:start', command_id: result.command_id, ...command })
      const again = await connection.frame('agent:start:result', () => true, behind)
      if (JSON.stringify(again) !== JSON.stringify(result))
        throw new Unmet('the repeat has a different result')
    },
  },
  {
    name: 'unknown-types',
    level: 'core',
    rule: 'The link stays up after unknown types and fields, and after a second welcome.',
    section: 'Faults',
    async check(host) {
      const connection = await host.live()
      connection.send({ type: 'server:message-of-tomorrow', field: { deep: [1] } })
      connection.send({ type: 'agent:ack', offsets: {}, field_of_tomorrow: true })
      host.welcome(connection)
      await connection.settled()
    },
  },
  {
    name: 'unknown-command',
    level: 'optional',
    rule: 'The daemon answers a command of unknown type with `unsupported`.',
    section: 'Faults',
    async check(host) {
      const { error } = await host.command(await host.live(), 'agent:command-of-tomorrow')
      const code = (error as { code?: string } | undefined)?.code
      if (code !== 'unsupported') throw new Unmet(`the answer has the code ${code}`)
    },
  },
  {
    name: 'not-json',
    level: 'optional',
    rule: 'The daemon answers text that is not JSON with protocol:error, code not_json, and the link stays up.',
    section: 'Faults',
    async check(host) {
      const connection = await host.live()
      connection.send('{"type":')
      await connection.frame('protocol:error', ({ code }) => code === 'not_json')
      await connection.settled()
    },
  },
  {
    name: 'valid-frames',
    level: 'core',
    rule: 'Every frame that the daemon sent in this run matches the schemas.',
    section: 'Connection',
    async check(host) {
      const faults = host.connections.flatMap((connection) => connection.faults)
      if (faults.length > 0)
        throw new Unmet(`${faults.length} frames do not match; the first fault: ${faults[0]}`)
    },
  },
]
