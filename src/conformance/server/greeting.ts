import { CloseCode, PROTOCOL } from '../../protocol/index.ts'
import type { Frame } from '../connection.ts'
import { type Point, Unmet, Untested } from '../point.ts'
import { acknowledged, activity, type Caller, Refused, taken } from './caller.ts'

const offsetsOf = (welcome: Frame) => (welcome.offsets ?? {}) as Record<string, number>

export const greetingPoints: Point<Caller>[] = [
  {
    name: 'upgrade',
    level: 'core',
    rule: 'The server accepts a WebSocket with the key, and selects no subprotocol or extension.',
    section: 'Connection',
    async check(caller) {
      const connection = await caller.dial()
      const { extensions, protocol } = connection.socket
      await connection.close()
      if (extensions) throw new Unmet(`the server chose the extension ${extensions}, which was not offered`)
      if (protocol) throw new Unmet(`the server chose the subprotocol ${protocol}, which was not offered`)
    },
  },
  {
    name: 'wrong-key',
    level: 'core',
    rule: 'The server answers an invalid key with HTTP 401 or 403.',
    section: 'Connection',
    async check(caller) {
      const wrong = `wrong-${caller.machineId}`
      const outcome = await caller.dial(wrong).catch((error) => error)
      if (outcome instanceof Refused && [401, 403].includes(outcome.status)) return
      if (outcome instanceof Error) throw outcome
      await outcome.close()
      throw new Unmet('the server accepts a connection with an invented key')
    },
  },
  {
    name: 'welcome',
    level: 'core',
    rule: 'The server answers machine:hello with server:welcome within 15 seconds, and new agents start at offset 0.',
    section: 'Greeting',
    async check(caller) {
      const agent = caller.agent('new')
      const connection = await caller.greet()
      const welcome = await connection.frame('server:welcome')
      await connection.close()
      const { version } = welcome.protocol as { version: number }
      if (version !== PROTOCOL.version)
        throw new Unmet(`protocol.version is ${version}, but the daemon offered ${PROTOCOL.version}`)
      const offset = offsetsOf(welcome)[agent] ?? 0
      if (offset !== 0) throw new Unmet(`offsets has ${offset} for an agent that has sent nothing yet`)
    },
  },
  {
    name: 'unknown-fields',
    level: 'core',
    rule: 'The server ignores unknown fields in the greeting, at every depth.',
    section: 'Faults',
    async check(caller) {
      const { machine } = caller.hello()
      const tomorrow = { field_of_tomorrow: { deep: [1, null, 'x'] } }
      const connection = await caller.greet({ ...tomorrow, machine: { ...machine, ...tomorrow } })
      await connection.close()
    },
  },
  {
    name: 'offsets-after-reconnect',
    level: 'core',
    rule: 'After a broken connection, the welcome names an offset between the last acknowledged offset and the last sent offset.',
    section: 'Greeting',
    async check(caller) {
      const agent = caller.agent('reconnect')
      const first = await caller.greet()
      await taken(first, agent, 0, 100)
      first.send(activity(agent, 100, 250))
      first.socket.terminate()
      const second = await caller.greet()
      const offset = offsetsOf(await second.frame('server:welcome'))[agent] ?? 0
      if (offset !== 100 && offset !== 250)
        throw new Unmet(`offsets has ${offset}, but 100 was acknowledged, and 250 was sent`)
      const behind = second.frames.length
      second.send(activity(agent, offset, 300))
      // The server may store the first connection's bytes after the welcome. It then asks for the remaining
      // bytes.
      const rest = second.frame('agent:resend', ({ agent_id, from }) => agent_id === agent && from === 250)
      rest.then(
        () => second.send(activity(agent, 250, 300)),
        () => {},
      )
      await acknowledged(second, agent, 300, behind)
      await second.close()
    },
  },
  {
    name: 'superseded',
    level: 'core',
    rule: 'A second connection with the same machine_id wins; the server closes the first one with 4001.',
    section: 'Close codes',
    async check(caller) {
      const first = await caller.greet()
      const second = await caller.greet()
      const { code } = await first.end('the first connection stays open')
      if (code !== CloseCode.superseded) throw new Unmet(`the first connection is closed with ${code}`)
      await second.settled('the second connection does not answer link:ping')
      await second.close()
    },
  },
  {
    name: 'protocol-version',
    level: 'core',
    rule: 'The server sends server:refuse to a daemon that supports no protocol version of the server, and closes the connection.',
    section: 'Greeting',
    async check(caller) {
      const connection = await caller.dial()
      connection.send(caller.hello({ protocol: { version: 1_000_000, minimum: 1_000_000 } }))
      await turnedAway(connection)
    },
  },
  {
    name: 'protocol-version-first',
    level: 'optional',
    rule: 'The server reads the version first: it refuses a daemon that supports no protocol version of the server, even if the other fields are invalid.',
    section: 'Greeting',
    async check(caller) {
      const connection = await caller.dial()
      connection.send({
        type: 'machine:hello',
        protocol: { version: 1_000_000, minimum: 1_000_000 },
        machine: 7,
      })
      await turnedAway(connection)
    },
  },
  {
    name: 'before-greeting',
    level: 'optional',
    rule: 'If a frame arrives before machine:hello, the server answers protocol:error, and still accepts the greeting.',
    section: 'Faults',
    async check(caller) {
      const agent = caller.agent('early')
      const connection = await caller.dial()
      connection.send(activity(agent, 0, 10))
      await connection.frame('protocol:error', ({ code }) => code === 'unexpected')
      connection.send(caller.hello())
      await connection.frame('server:welcome')
      await connection.close()
    },
  },
  {
    name: 'commands',
    level: 'core',
    rule: 'After a reconnect, the server resends exactly the commands that have no result, each with its command_id. It sends only commands of types that the daemon has announced.',
    section: 'Commands',
    async check(caller) {
      const { commandMs, invite } = caller.options
      if (commandMs === 0)
        throw new Untested(
          'this rule can be checked only if a person gives a command. Use --wait-for-command.',
        )
      const first = await caller.greet()
      invite(caller.machineId)
      const command = await first
        .frame('machine:check', () => true, 0, commandMs)
        .catch(() => {
          throw new Untested(`no machine:check came within ${commandMs / 1000} s`)
        })
      first.socket.terminate()
      const again = ({ command_id }: Frame) => command_id === command.command_id
      const second = await caller.greet()
      await second.frame('machine:check', again)
      second.send({ type: 'machine:check:result', command_id: command.command_id, ok: true })
      await second.settled()
      await second.close()
      const third = await caller.greet()
      await third.settled()
      await third.close()
      if (third.frames.some(again)) throw new Unmet('a command that has a result was sent again')
      const other = caller.commands.find(({ type }) => type !== 'machine:check')
      if (other) throw new Unmet(`${other.type} was sent, which is not among the capabilities`)
    },
  },
]

async function turnedAway(connection: Awaited<ReturnType<Caller['dial']>>) {
  const refusal = await connection.frame('server:refuse')
  if (refusal.code !== 'protocol_version') throw new Unmet(`server:refuse has the code ${refusal.code}`)
  await connection.end('the connection stays open after server:refuse')
}
