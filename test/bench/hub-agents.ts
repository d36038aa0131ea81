import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { AgentStatus } from '../../src/protocol/index.ts'
import { statusOf } from '../support/light-daemon.ts'
import type { Stage } from '../support/stage.ts'

export const MACHINE = 'machine-0'
/** Bytes of a journal that one event stands for, and the number of events in a frame. */
const STEP = 240
const EVENTS = 10

/** Returns the statuses of agents, each with one stored frame. */
export const statusesOf = (count: number): AgentStatus[] =>
  Array.from({ length: count }, (_, n) =>
    statusOf(`agent-${n}`, {
      title: `Fix the tests of part ${n}`,
      cwd: `/srv/project/${n}`,
      acked: EVENTS * STEP,
      end: EVENTS * STEP,
    }),
  )

/**
 * Gives the hub agents with one frame each, as an earlier run of the hub would have stored them.
 * @param machineOf returns the machine of the agent with this number. Default: all agents are on one machine
 */
export function giveAgents({ state }: Stage, statuses: AgentStatus[], machineOf = (_n: number) => MACHINE) {
  for (const [n, status] of statuses.entries()) {
    const { agent_id } = status
    const dir = join(state, 'hub/agents', agent_id)
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    const record = { version: 1, agent_id, machine_id: machineOf(n), gone: false, status, ordered: true }
    writeFileSync(join(dir, 'agent.json'), JSON.stringify(record), { mode: 0o600 })
    writeFileSync(join(dir, 'activity.jsonl'), frame(0), { mode: 0o600 })
  }
}

/** Makes the journal of an agent longer. @returns its length, as an offset */
export function giveHistory({ state }: Stage, agentId: string, bytes: number): number {
  const fd = openSync(join(state, 'hub/agents', agentId, 'activity.jsonl'), 'w', 0o600)
  let at = 0
  for (let written = 0; written < bytes; ) {
    let lines = ''
    for (let n = 0; n < 1000; n++, at += EVENTS * STEP) lines += frame(at)
    written += writeSync(fd, lines)
  }
  closeSync(fd)
  return at
}

function frame(from: number): string {
  const events = Array.from({ length: EVENTS }, (_, n) => ({
    kind: 'text',
    offset: from + n * STEP,
    index: 0,
    text: 'word '.repeat(24),
  }))
  return `${JSON.stringify({ from, to: from + EVENTS * STEP, events })}\n`
}
