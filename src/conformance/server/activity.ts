import { type Event, Limits } from '../../protocol/index.ts'
import { type Point, Unmet } from '../point.ts'
import { acknowledged, activity, type Caller, ofOneAgent, taken } from './caller.ts'

/** Time to send, read and store the longest frame, in ms. */
const LONG_MS = 45_000

const SECTION = 'Storing activity exactly once and in order'

export const activityPoints: Point<Caller>[] = [
  ofOneAgent({
    name: 'acknowledges',
    level: 'core',
    rule: 'The server acknowledges activity up to `to`, with and without events.',
    section: SECTION,
    async check(connection, agent) {
      await taken(connection, agent, 0, 10)
      connection.send({ ...activity(agent, 10, 20), events: [] })
      await acknowledged(connection, agent, 20)
    },
  }),
  ofOneAgent({
    name: 'repeats',
    level: 'core',
    rule: 'The server acknowledges repeated activity again, even if it is divided into different frames.',
    section: SECTION,
    async check(connection, agent) {
      connection.send(activity(agent, 0, 10))
      await taken(connection, agent, 10, 20)
      for (const [from, to] of [
        [10, 20],
        [0, 20],
        [0, 5],
      ] as const)
        await taken(connection, agent, from, to, 20)
    },
  }),
  ofOneAgent({
    name: 'gap',
    level: 'core',
    rule: 'The server drops activity after a gap, asks once with agent:resend, and continues from there.',
    section: SECTION,
    async check(connection, agent) {
      await taken(connection, agent, 0, 10)
      connection.send(activity(agent, 20, 30))
      connection.send(activity(agent, 30, 40))
      await asksFor(connection, agent, 10)
      await connection.settled()
      const asked = connection.frames.filter(({ type }) => type === 'agent:resend').length
      if (asked > 1) throw new Unmet(`agent:resend came ${asked} times for one gap`)
      await taken(connection, agent, 10, 40)
    },
  }),
  ofOneAgent({
    name: 'overlap',
    level: 'core',
    rule: 'If a frame overlaps stored data, the server stores only the new events, or drops the frame and asks again.',
    section: SECTION,
    async check(connection, agent) {
      await taken(connection, agent, 0, 10)
      const behind = connection.frames.length
      connection.send(activity(agent, 5, 20))
      const stored = acknowledged(connection, agent, 20, behind)
      await Promise.any([asksFor(connection, agent, 10), stored]).catch((error: AggregateError) => {
        throw new Unmet(error.errors.map(({ message }: Error) => message).join(', and '))
      })
      connection.send(activity(agent, 10, 20))
      await acknowledged(connection, agent, 20, behind)
    },
  }),
  ofOneAgent({
    name: 'begin',
    level: 'core',
    rule: "The server stores activity that starts at the `begin` of the agent's status, although earlier bytes are missing.",
    section: SECTION,
    status: { begin: 1000 },
    async check(connection, agent, caller) {
      await taken(connection, agent, 1000, 1010)
      connection.send({ type: 'agent:status', ...caller.status(agent), revision: 2, begin: 5000 })
      await taken(connection, agent, 5000, 5010)
    },
  }),
  {
    name: 'many-agents',
    level: 'core',
    rule: 'The server acknowledges activity of several agents, including an agent that first appears in a later agent:status.',
    section: SECTION,
    async check(caller) {
      const one = caller.agent('one')
      const two = caller.agent('two')
      const connection = await caller.greet()
      const later = caller.agent('later')
      connection.send({ type: 'agent:status', ...caller.status(later) })
      for (const from of [0, 10, 20])
        for (const agent of [one, two, later]) connection.send(activity(agent, from, from + 10))
      for (const agent of [one, two, later]) await acknowledged(connection, agent, 30)
      await connection.close()
    },
  },
  ofOneAgent({
    name: 'unknown-kind',
    level: 'core',
    rule: 'The server accepts events of unknown kind, and unknown fields in known events.',
    section: 'Faults',
    async check(connection, agent) {
      connection.send(activity(agent, 0, 10, { kind: 'kind_of_tomorrow', deep: { a: [1] } } as never))
      connection.send(activity(agent, 10, 20, { field_of_tomorrow: 1 } as never))
      await acknowledged(connection, agent, 20)
    },
  }),
  ofOneAgent({
    name: 'any-text',
    level: 'core',
    rule: 'The server accepts any text that JSON can contain, even if WebSocket splits the frame.',
    section: 'Connection',
    async check(connection, agent) {
      const text = '\u0000\u001b[31m\u2028 «ß» \u{1f600} \ud800 \\ " </script>'
      const frame = Buffer.from(JSON.stringify(activity(agent, 0, 10, { text } as Partial<Event>)))
      const cut = frame.indexOf(0xf0) + 1
      connection.socket.send(frame.subarray(0, cut), { fin: false, binary: false })
      connection.socket.send(frame.subarray(cut), { fin: true, binary: false })
      await acknowledged(connection, agent, 10)
    },
  }),
  ofOneAgent({
    name: 'nesting',
    level: 'core',
    rule: `The server accepts events nested ${Limits.nesting} levels deep.`,
    section: 'Limits',
    async check(connection, agent) {
      const deep = `${'['.repeat(Limits.nesting - 1)}1${']'.repeat(Limits.nesting - 1)}`
      const event = `{"kind":"unknown","offset":0,"index":0,"raw":${deep}}`
      connection.send(`{"type":"agent:activity","agent_id":"${agent}","from":0,"to":10,"events":[${event}]}`)
      await acknowledged(connection, agent, 10)
    },
  }),
  ofOneAgent({
    name: 'longest-frame',
    level: 'core',
    rule: `The server accepts a frame of ${Limits.frame_bytes} bytes.`,
    section: 'Limits',
    async check(connection, agent) {
      const to = Limits.line_bytes
      const empty = JSON.stringify(activity(agent, 0, to, { text: '' } as Partial<Event>))
      const text = 'x'.repeat(Limits.frame_bytes - empty.length)
      connection.send(activity(agent, 0, to, { text } as Partial<Event>))
      await acknowledged(connection, agent, to, 0, LONG_MS)
    },
  }),
  {
    name: 'generations',
    level: 'optional',
    rule: "For each agent, the welcome names the journal generation that the agent's newest frame named.",
    section: 'A machine that was rolled back',
    async check(caller) {
      const agent = caller.agent('generation', { journal: '5be0c2f1' })
      const first = await caller.greet()
      const journal = '5be0c2f1'
      first.send({
        ...activity(agent, 0, 10, { kind: 'set_back', journal, from: 0, to: 10 } as never),
        journal,
      })
      await acknowledged(first, agent, 10)
      await first.close()
      const second = await caller.greet()
      const { journals } = await second.frame('server:welcome')
      await second.close()
      const named = (journals as Record<string, string> | undefined)?.[agent]
      if (named !== journal) throw new Unmet(`journals has ${named ?? 'nothing'} for it`)
    },
  },
  {
    name: 'other-journal',
    level: 'optional',
    rule: 'If the daemon refuses an offset in the welcome, the server sends agent:resend.',
    section: SECTION,
    async check(caller) {
      const agent = caller.agent('other')
      const first = await caller.greet()
      await taken(first, agent, 0, 10)
      await first.close()
      const second = await caller.greet()
      const path = `offsets.${agent}`
      const message = `server:welcome: ${path}: is in the middle of a line`
      second.send({ type: 'protocol:error', code: 'invalid', message, path, of_type: 'server:welcome' })
      await asksFor(second, agent, 0)
      await taken(second, agent, 0, 20)
      await second.close()
    },
  },
]

async function asksFor(connection: Awaited<ReturnType<Caller['greet']>>, agent: string, from: number) {
  const asked = await connection.frame('agent:resend', ({ agent_id }) => agent_id === agent)
  if (asked.from !== from) throw new Unmet(`agent:resend asks from ${asked.from}, not from ${from}`)
}
