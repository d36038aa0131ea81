import { type ChildProcess, spawn } from 'node:child_process'
import { appendFileSync, closeSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Agent } from '../../../src/agents/agent.ts'
import type { AgentPool } from '../../../src/agents/agent-pool.ts'
import { identify } from '../../../src/platform/process-identity.ts'
import { parseFromDaemon } from '../../../src/protocol/index.ts'
import { agentsIn, leftAgent } from '../../support/agents.ts'
import { type Cleanup, tempDir } from '../../support/temp.ts'
import { mutated, written } from '../mutate.ts'
import { recordedLines } from '../recordings.ts'
import { memoryOf, mib, sizeOf, type Target } from '../target.ts'

/** Size of a journal after which the target continues with the next agent, in bytes. */
const JOURNAL_BYTES = 64 * 1024 * 1024
const FRAME_BYTES = 256 * 1024
const IDLE = '{"type":"system","subtype":"session_state_changed","state":"idle"}'
const BUSY = '{"type":"system","subtype":"session_state_changed","state":"running"}'

/** An agent's journal, read by the daemon's code in this process. */
export async function journal(t: Cleanup): Promise<Target> {
  const dir = tempDir(t)
  let number = 0
  let agents: AgentPool | undefined
  let agent: Agent
  let path = ''
  let program: ChildProcess | undefined
  const open = () => {
    agents?.close()
    program?.kill('SIGKILL')
    rmSync(join(dir, `a${number}`), { recursive: true, force: true })
    const { at, started } = leftAgent(dir, `a${++number}`)
    started()
    path = at('activity.jsonl')
    program = runs(path, at('process.json'))
    agents = agentsIn(dir)
    agents.adopt()
    agent = agents.get(`a${number}`)
    agent.rewind(0)
  }
  open()
  t.after(() => {
    agents?.close()
    program?.kill('SIGKILL')
  })
  const read = () => {
    while (agent.catchUp());
    for (let frame = agent.read(FRAME_BYTES); frame; frame = agent.read(FRAME_BYTES)) {
      const { more: _, ...part } = frame
      fits({ type: 'agent:activity', agent_id: agent.id, ...part })
      agent.acknowledge(frame.to)
    }
    fits({ type: 'agent:status', ...agent.status() })
  }
  return {
    batch: 200,
    memoryLimit: mib(1024),
    input(random) {
      const line = random.pick(recordedLines)
      const value = random.chance(0.1) ? line : mutated(line, random, random.pick(recordedLines))
      const end = random.chance(0.02) ? '' : '\n'
      return Buffer.concat([written(value, random), Buffer.from(end)])
    },
    async feed(inputs) {
      if (agent.journal.size() > JOURNAL_BYTES) open()
      appendFileSync(path, Buffer.concat(inputs))
      read()
    },
    async check() {
      for (const [line, state] of [
        [BUSY, 'working'],
        [IDLE, 'idle'],
      ] as const) {
        appendFileSync(path, `\n${line}\n`)
        read()
        if (agent.snapshot.state !== state && isRunning(agent))
          throw new Error(`the agent is ${agent.snapshot.state} after ${line}`)
        if (agent.acked !== agent.journal.size())
          throw new Error(`${agent.acked} of ${agent.journal.size()} bytes are delivered`)
      }
      agent.save({ changed: true })
    },
    memory: () => memoryOf(process.pid),
    disk: () => sizeOf(dir),
  }
}

/**
 * Reports whether lines determine the agent's state. They do not determine it during the start, after the
 * end, or while requests are pending.
 */
const isRunning = ({ hasEnded, snapshot }: Agent) =>
  !hasEnded && snapshot.pending.length === 0 && snapshot.state !== 'starting'

/** Starts a process that appears to write the journal. */
function runs(journal: string, recordPath: string): ChildProcess {
  const output = openSync(journal, 'a')
  const program = spawn('sleep', ['100000'], { stdio: ['ignore', output, 'ignore'] })
  closeSync(output)
  const own = identify(program.pid!)
  writeFileSync(recordPath, JSON.stringify({ version: 1, run: 1, launcher: own, agent: own, feeder: own }))
  return program
}

function fits(message: object) {
  const parsed = parseFromDaemon(JSON.stringify(message))
  if (!parsed.ok) throw new Error(`a server would reject the frame: ${JSON.stringify(parsed)}`)
}
