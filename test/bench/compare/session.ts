import { readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ProcessIdentity, sendSignal } from '../../../src/platform/process-identity.ts'
import { commandLines } from '../../../src/platform/process-list.ts'
import { mock } from '../../support/messages-script.ts'
import type { Stage } from '../../support/stage.ts'
import { until } from '../../support/wait.ts'
import { memoryOf } from '../measure.ts'
import type { Compared, Memory } from './compared.ts'
import type { Peer, Server } from './peer.ts'

/** Time from the kill until the remaining processes are counted, in milliseconds. */
const AFTERMATH_MS = 3_000
/** Duration of the tool during which the server is killed, in seconds. */
const TOOL_S = 8
/** Timeout for the end of the turns after the restart of the server, in milliseconds. */
const TURN_MS = 20_000

export interface Session {
  peer: Peer
  stage: Stage
  program: string
  /** Time until memory is measured, in milliseconds. */
  settleMs: number
  result: Compared
}

/**
 * Measures the memory of one server, without and with agents. Then kills the server while every agent runs a
 * tool, and starts it again.
 */
export async function session({ peer, stage, program, settleMs, result }: Session): Promise<void> {
  const isClaude = ({ pid }: ProcessIdentity) =>
    unlessEnded(() => readlinkSync(`/proc/${pid}/exe`)) === stage.env.FOMULAR_CLAUDE_PATH
  const measure = async () => {
    await sleep(settleMs)
    const processes = stage.processes()
    const others = processes.filter((process) => !isClaude(process))
    return { processes, all: memory(processes), others: memory(others) }
  }
  const server = await peer.start(stage, program)
  const idle = await measure()
  result.idle = idle.all

  const agents: string[] = []
  const add = async () => {
    const agent = await server.create()
    await server.prompt(agent, mock([{ text: 'hello', repeat: 3 }]))
    await shows(server, agent, 'hellohellohello')
    agents.push(agent)
  }
  await add()
  const one = await measure()
  result.firstAgent = growth(idle.all, one.all)
  while (agents.length < result.agents) await add()
  const many = await measure()
  result.furtherAgent = growth(one.all, many.all, agents.length - 1)
  if (peer.startsClaude) result.besideClaude = growth(one.others, many.others, agents.length - 1)

  const tool = join(stage.dir, 'tool.sh')
  writeFileSync(tool, `sleep ${TOOL_S}\n`)
  const turn = mock([peer.shell(`sh ${tool}`)], [{ text: 'bye', repeat: 3 }])
  for (const agent of agents) await server.prompt(agent, turn)
  const tools = () => commandLines().filter(({ argv }) => argv.length === 2 && argv[1] === tool)
  await until(() => tools().length === agents.length, { what: 'the tools of all agents' })
  for (const process of idle.processes) sendSignal(process, 'SIGKILL')
  await sleep(AFTERMATH_MS)
  const left = stage.processes()
  result.left = { agents: left.filter(isClaude).length, processes: left.length }

  const next = await peer.start(stage, program)
  const endings = agents.map((agent) => shows(next, agent, 'byebyebye', TURN_MS))
  result.turns = (await Promise.allSettled(endings)).filter(({ status }) => status === 'fulfilled').length
}

/** Waits until an agent's conversation contains a text. The interval is long, to cause little work. */
const shows = (server: Server, agent: string, text: string, timeoutMs = 60_000) =>
  until(
    async () => {
      await sleep(250)
      return JSON.stringify(await server.conversation(agent)).includes(text)
    },
    { what: 'an answer of an agent', timeoutMs },
  )

/** Returns the memory of processes together. */
function memory(processes: ProcessIdentity[]): Memory {
  const each = processes.map(({ pid }) => unlessEnded(() => memoryOf(pid)))
  const sum = (field: keyof Memory) => each.reduce((total, one) => total + (one?.[field] ?? 0), 0)
  return { rss: sum('rss'), pss: sum('pss') }
}

/** Returns the growth of memory, divided by a number of agents. */
const growth = (before: Memory, after: Memory, agents = 1): Memory => ({
  rss: (after.rss - before.rss) / agents,
  pss: (after.pss - before.pss) / agents,
})

/** Returns a fact about a process, or undefined if the process has ended. */
function unlessEnded<R>(look: () => R): R | undefined {
  try {
    return look()
  } catch {
    return undefined
  }
}
