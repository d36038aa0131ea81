import { readFileSync } from 'node:fs'
import { hubFiles } from '../../../src/config/hub.ts'
import type { Random } from '../../chaos/random.ts'
import { fullHello } from '../../support/full-daemon.ts'
import type { Cleanup } from '../../support/temp.ts'
import { generated } from '../generate.ts'
import { spoilt } from '../mutate.ts'
import { recordedEvents } from '../recordings.ts'
import { mib, sizeOf, type Target } from '../target.ts'
import { AGENTS, BEHIND, hello, MachineLink, NEXT } from './machine-link.ts'
import { servedHub } from './served.ts'

/**
 * Number of fuzzed frames between two valid frames. Without valid frames, the hub would close the link
 * because of too many faults in a row.
 */
const WRONG = 8
const PATHS = ['/health', '/api/machines', '/api/agents', '/api/agents/a1/events?limit=50']
const FRAMES = [
  'MachineStatusMessage',
  'AgentStatusMessage',
  'AgentRemoved',
  'Activity',
  'UpdateProgress',
  'ProtocolError',
  'Ping',
  'Pong',
  'AgentStartResult',
  'AgentPromptResult',
  'DaemonUpdateResult',
]

function frame(random: Random): unknown {
  switch (random.weighted({ generated: 4, activity: 5, greeting: 1 })) {
    case 'generated':
      return generated(random.pick(FRAMES), random)
    case 'greeting':
      return random.chance(0.5) ? fullHello() : hello()
    case 'activity': {
      const events = Array.from({ length: random.pick([0, 1, 1, 2, 5]) }, (_, index) => ({
        ...(random.chance(0.5) ? random.pick(recordedEvents) : generated('Event', random)),
        offset: NEXT,
        index,
      }))
      return { type: 'agent:activity', agent_id: random.pick(AGENTS), from: NEXT, to: BEHIND, events }
    }
  }
}

/** A hub, to which a machine with a valid key connects. */
export async function hub(t: Cleanup): Promise<Target> {
  const { stage, alive, memory } = await servedHub(t)
  const key = readFileSync(hubFiles(`${stage.state}/hub`).machineKey, 'utf8').trim()
  // The first connection binds the key to this machine.
  let link = await (await MachineLink.open(stage.hubUrl, key)).live()
  t.after(() => link.close())
  return {
    batch: 100,
    memoryLimit: mib(1024),
    input: (random) => spoilt(frame, random),
    async feed(inputs) {
      link.close()
      link = await MachineLink.open(stage.hubUrl, key)
      for (const [n, input] of inputs.entries()) {
        // The first frame of a batch is sent instead of a greeting.
        if (n % WRONG === 1) link = await link.live()
        link.send(input, { binary: n === WRONG })
      }
    },
    async check() {
      alive()
      link = await link.live()
      for (const path of PATHS) {
        const answer = await stage.request('GET', path)
        const text = await answer.text()
        if (answer.status >= 500) throw new Error(`${path}: ${answer.status} ${text.slice(0, 1000)}`)
        JSON.parse(text)
      }
      alive()
    },
    memory,
    disk: () => sizeOf(stage.state),
  }
}
