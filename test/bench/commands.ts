import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { fakeStage } from '../support/fake-agent.ts'
import { PROGRAM, type Stage } from '../support/stage.ts'
import { until } from '../support/wait.ts'
import type { Benchmark } from './benchmark.ts'
import type { Figure } from './figure.ts'
import { interleaved, median, monotonic } from './measure.ts'

/** Executable for this machine, as `npm run build:binary` makes it. */
const EXECUTABLE = fileURLToPath(
  new URL(`../../dist/bin/fomular-daemon-${process.platform}-${process.arch}`, import.meta.url),
)

/** Node that runs the commands and the floor. */
const NODE = process.env.BENCH_NODE ?? process.execPath

type Command = [string, ...string[]]

/**
 * Time of a command from its start to its exit. The floor is a Node process that does nothing. The time of a
 * command's requests to the hub, measured from this process, is not counted.
 */
export const commands: Benchmark = {
  name: 'commands',
  about:
    'time of --version, --help, agent list, and agent send, compared with a Node process that does nothing',
  async run(t, { quick, say }) {
    const stage = await fakeStage(t)
    stage.run(['up', '--port', String(stage.port)])
    const agent = await idleAgent(stage)
    const timed = (command: Command) => () => timeOf(stage, command)
    const script = (...args: string[]): Command => [NODE, PROGRAM, ...args]
    const built = existsSync(EXECUTABLE)
    if (!built) say('there is no executable: npm run build:binary makes it')
    const took = await interleaved(quick ? 2 : 21, {
      floor: timed([NODE, '-e', '0']),
      version: timed(script('--version')),
      help: timed(script('--help')),
      list: timed(script('agent', 'list')),
      send: timed(script('agent', 'send', agent, 'hi')),
      listRequest: () => timeOfRequests(stage, [['GET', '/api/agents']]),
      sendRequest: () => timeOfRequests(stage, requestsOfSend(agent)),
      executable: built ? timed([EXECUTABLE, '--version']) : async () => Number.NaN,
      executableHelp: built ? timed([EXECUTABLE, '--help']) : async () => Number.NaN,
    })
    const floor = { value: median(took.floor), of: 'a Node process that does nothing' }
    const figure = (name: string, value: number, limit: number): Figure => ({
      name,
      value,
      unit: 'ms',
      floor,
      goal: { at: 'most', limit },
    })
    return [
      figure('--version', median(took.version), 1.2),
      figure('--help', median(took.help), 1.5),
      figure('agent list, without its request', median(took.list) - median(took.listRequest), 1.8),
      figure('agent send, without its requests', median(took.send) - median(took.sendRequest), 1.8),
      ...(built
        ? [
            figure('--version of the executable', median(took.executable), 1.5),
            figure('--help of the executable', median(took.executableHelp), 1.5),
          ]
        : []),
    ]
  },
}

/** Starts an agent, and waits until it is idle. */
async function idleAgent(stage: Stage): Promise<string> {
  await until(async () => (await stage.machine().catch(() => undefined))?.connected, {
    what: 'the daemon at the hub',
  })
  const agent = await stage.start()
  await stage.agentIs(agent, 'idle')
  return agent
}

/** Runs a command with its output in a pipe. @throws Error if the command fails */
async function timeOf({ cwd, env }: Stage, [file, ...args]: Command): Promise<number> {
  const started = monotonic()
  const child = spawn(file, args, { cwd, env, stdio: ['ignore', 'pipe', 'inherit'] })
  child.stdout.resume()
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`${[file, ...args].join(' ')} ended with ${code}`)
  return monotonic() - started
}

type Request = [method: string, path: string, body?: object]

/** Returns the requests of `agent send`. */
const requestsOfSend = (agent: string): Request[] => [
  ['GET', '/api/agents?fields=agent_id,machine_id,machine_name,claimed'],
  ['GET', `/api/agents/${agent}`],
  ['GET', '/api/machines'],
  ['POST', `/api/agents/${agent}/prompt`, { content: 'hi' }],
]

async function timeOfRequests(stage: Stage, requests: Request[]): Promise<number> {
  const started = monotonic()
  for (const request of requests) await stage.api(...request)
  return monotonic() - started
}
