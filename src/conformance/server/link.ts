import { Limits } from '../../protocol/index.ts'
import { type Point, Unmet } from '../point.ts'
import { type Caller, ofOneAgent, taken } from './caller.ts'

/** Minimum time before the server closes a silent link, in ms. */
const PATIENCE_MS = Limits.silence_ms - 5000
/** Maximum time before the server closes a silent link, in ms. */
const LATEST_MS = Limits.silence_ms + 15_000

export const linkPoints: Point<Caller>[] = [
  {
    name: 'link-ping',
    level: 'core',
    rule: 'The server answers link:ping with link:pong and the same nonce, which may be any JSON.',
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
    rule: 'The server answers a WebSocket ping with a pong.',
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
    rule: 'The link stays up after a message of unknown type, and after a result of an unknown command.',
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
    rule: 'The server accepts agent:status and machine:status with new problems and fields.',
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
    rule: 'The server answers neither a message of unknown type nor a protocol:error.',
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
      ['invalid', 'a message that does not match its schema', '{"type":"agent:activity"}', 'invalid'],
    ] as const
  ).map(
    ([name, what, frame, code]): Point<Caller> => ({
      name,
      level: 'optional',
      rule: `The server answers ${what} with protocol:error, code ${code}, and the link stays up.`,
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
    rule: 'The server closes a link after 25 s without any data, not even a pong, and does not close it much earlier.',
    section: 'Heartbeat',
    async check(caller) {
      const connection = await caller.greet({}, { autoPong: false })
      const begin = performance.now()
      await connection.end('the silent connection stays open', LATEST_MS)
      const elapsed = performance.now() - begin
      if (elapsed < PATIENCE_MS)
        throw new Unmet(`the server closed the silent connection after only ${Math.round(elapsed / 1000)} s`)
      if (connection.pings === 0) throw new Unmet('the server sent no WebSocket ping in that time')
    },
  },
  {
    name: 'valid-frames',
    level: 'core',
    rule: 'Every frame that the server sent in this run matches the schemas.',
    section: 'Connection',
    async check(caller) {
      const [fault] = caller.faults
      if (fault !== undefined)
        throw new Unmet(`${caller.faults.length} frames do not match; the first fault: ${fault}`)
    },
  },
]
