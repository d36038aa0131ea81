import { Limits } from '../../protocol/index.ts'
import { type Point, Unmet } from '../point.ts'
import { type Caller, ofOneAgent, taken } from './caller.ts'

/** After this much silence of a peer, in ms, the link must not be closed yet. */
const PATIENCE_MS = Limits.silence_ms - 5000
/** By then it must be. */
const LATEST_MS = Limits.silence_ms + 15_000

export const linkPoints: Point<Caller>[] = [
  {
    name: 'link-ping',
    level: 'core',
    rule: 'link:ping is answered by link:pong with the same nonce, whatever JSON that is.',
    section: 'Heartbeat',
    async check(caller) {
      const connection = await caller.greet()
      const nonces = ['k3v9', '', 7, { deep: [null] }]
      for (const nonce of nonces) connection.send({ type: 'link:ping', nonce })
      for (const nonce of nonces) {
        const wanted = JSON.stringify(nonce)
        await connection.wait(
          () => connection.frames.some((f) => f.type === 'link:pong' && JSON.stringify(f.nonce) === wanted),
          `no link:pong with the nonce ${wanted}`,
        )
      }
      await connection.close()
    },
  },
  {
    name: 'socket-ping',
    level: 'core',
    rule: 'A WebSocket ping is answered by a pong.',
    section: 'Heartbeat',
    async check(caller) {
      const connection = await caller.greet()
      connection.socket.ping()
      await connection.wait(() => connection.pongs > 0, 'no pong')
      await connection.close()
    },
  },
  {
    name: 'unknown-types',
    level: 'core',
    rule: 'A message of unknown type, and a result of a command that the server has forgotten, leave the link up.',
    section: 'Faults',
    async check(caller) {
      const connection = await caller.greet()
      connection.send({ type: 'agent:message-of-tomorrow', agent_id: 7 })
      connection.send({ type: 'machine:check:result', command_id: `${caller.machineId}-1`, ok: true })
      connection.send({
        type: 'agent:stop:result',
        command_id: `${caller.machineId}-2`,
        ok: false,
        error: { code: 'code_of_tomorrow', message: 'No.' },
      })
      await connection.settled()
      await connection.close()
    },
  },
  ofOneAgent({
    name: 'statuses',
    level: 'core',
    rule: 'agent:status and machine:status are taken, with problems and fields that are new.',
    section: 'Statuses',
    async check(connection, agent, caller) {
      const { machine } = caller.hello()
      const since = new Date().toISOString()
      const problem = { code: 'problem_of_tomorrow', severity: 'warning', message: 'Rain.', since }
      connection.send({ type: 'machine:status', ...machine, problems: [problem], revision: 99 })
      connection.send({
        type: 'agent:status',
        ...caller.status(agent),
        revision: 2,
        field_of_tomorrow: {},
      })
      await taken(connection, agent, 0, 10)
    },
  }),
  {
    name: 'quiet-about-unknown-types',
    level: 'optional',
    rule: 'A message of unknown type is not answered, and a protocol:error is not answered by another.',
    section: 'Faults',
    async check(caller) {
      const connection = await caller.greet()
      connection.send({ type: 'agent:message-of-tomorrow', agent_id: 7 })
      connection.send({ type: 'protocol:error', code: 'invalid', message: 'A test.' })
      await connection.settled()
      const answer = connection.frames.find(({ type }) => type === 'protocol:error')
      if (answer) throw new Unmet(`protocol:error ${answer.code} came`)
      await connection.close()
    },
  },
  ...(
    [
      ['not-json', 'text that is not JSON', '{"type":', 'not_json'],
      ['not-text', 'a binary frame', Buffer.from('{"type":"link:ping"}'), 'not_text'],
      ['invalid', 'a message that does not fit its schema', '{"type":"agent:activity"}', 'invalid'],
    ] as const
  ).map(
    ([name, what, frame, code]): Point<Caller> => ({
      name,
      level: 'optional',
      rule: `After ${what} the link stays up, and protocol:error has the code ${code}.`,
      section: 'Faults',
      async check(caller) {
        const connection = await caller.greet()
        connection.send(frame)
        await connection.frame('protocol:error', (error) => error.code === code)
        await connection.settled()
        await connection.close()
      },
    }),
  ),
  {
    name: 'silence',
    level: 'core',
    rule: 'A link on which nothing comes, not even a pong, is closed after 25 s, and not long before.',
    section: 'Heartbeat',
    async check(caller) {
      const connection = await caller.greet({}, { autoPong: false })
      const begin = performance.now()
      await connection.end('the silent connection stays open', LATEST_MS)
      const elapsed = performance.now() - begin
      if (elapsed < PATIENCE_MS)
        throw new Unmet(`it was closed after ${Math.round(elapsed / 1000)} s already`)
      if (connection.pings === 0) throw new Unmet('no WebSocket ping came meanwhile')
    },
  },
  {
    name: 'valid-frames',
    level: 'core',
    rule: 'Everything that the server sent in this run fits the schemas.',
    section: 'Connection',
    async check(caller) {
      const [fault] = caller.faults
      if (fault !== undefined) throw new Unmet(`${caller.faults.length} do not; the first: ${fault}`)
    },
  },
]
