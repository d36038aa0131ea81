import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import * as z from 'zod/mini'
import type { HubClient } from '../../client/hub-client.ts'
import { type StatePaths, stateDir } from '../../config/paths.ts'
import { sleep } from '../../platform/clock.ts'
import { readJson } from '../../platform/files.ts'
import { shellWord } from '../../platform/shell-word.ts'
import type { HubAgent, HubMachine } from '../../protocol/index.ts'
import { hubClient } from '../client/hub.ts'
import { machineName } from '../client/machine-id.ts'
import { invokedAs } from '../program-name.ts'
import type { Colors } from '../render/ansi.ts'
import { cleanLine } from '../render/clean.ts'
import { problemText, runtimeText } from '../render/machine.ts'
import { print, stdoutColors } from '../terminal.ts'

/**
 * Maximum wait for the daemon to connect and find the agent programs, in ms: asking a program for its version
 * may take seconds.
 */
const FOUND_MS = 20_000
const POLL_MS = 100

export interface Start {
  hub: { url: string; userKeyPath: string; own: boolean; socketPath?: string }
  paths: StatePaths
  /** Aborted if the program ends. */
  signal: AbortSignal
}

/** Interval between checks for new, changed and logged-in agent programs, in ms. */
const WATCH_MS = 3000

/**
 * Waits until the hub knows this machine, then prints the state and the next commands. After that, reports
 * changes of agent programs until `signal` aborts.
 */
export async function welcome({ hub, paths, signal }: Start): Promise<void> {
  const client = hubClient({
    url: hub.url,
    key: readFileSync(hub.userKeyPath, 'utf8').trim(),
    socket: hub.socketPath,
    owner: process.getuid?.(),
  })
  const deadline = Date.now() + FOUND_MS
  let machine: HubMachine | undefined
  while (!signal.aborted && Date.now() < deadline) {
    machine = await thisMachine(client, paths)
    if (machine && machine.status.runtimes.length > 0) break
    await sleep(POLL_MS, signal)
  }
  if (signal.aborted) return
  print(
    welcomeText(
      { hub, logPath: paths.log, program: programFor(paths.dir), machine, agents: await client.agents() },
      stdoutColors(),
    ),
  )
  let known = runtimesOf(machine)
  while (!signal.aborted) {
    await sleep(WATCH_MS, signal)
    // A hub that runs in another process may be down for a while.
    const now = await thisMachine(client, paths).catch(() => undefined)
    if (!now || signal.aborted) continue
    const found = runtimesOf(now)
    for (const text of found) if (!known.includes(text)) print(row('Runtime', text, stdoutColors()))
    known = found
  }
}

const runtimesOf = (machine: HubMachine | undefined) => (machine?.status.runtimes ?? []).map(runtimeText)

const row = (name: string, text: string, { bold }: Colors) => `${bold(name.padEnd(9))} ${text}`

async function thisMachine(client: HubClient, paths: StatePaths): Promise<HubMachine | undefined> {
  const self = readJson(paths.machine, z.object({ machine_id: z.string() }))
  if (!self.ok) return undefined
  const machine = await client.machine(self.value.machine_id)
  return machine?.connected ? machine : undefined
}

/** Returns the command to type in another terminal. It names the state folder unless that is the default. */
function programFor(dir: string): string {
  const { FOMULAR_STATE_DIR: _named, STATE_DIRECTORY: _unit, ...env } = process.env
  return stateDir(env) === dir ? invokedAs() : `FOMULAR_STATE_DIR=${shellWord(dir)} ${invokedAs()}`
}

interface Found {
  hub: { url: string; own: boolean }
  logPath: string
  /** Command that runs this program on the same state folder. */
  program: string
  machine: HubMachine | undefined
  agents: HubAgent[]
}

/** Returns the text that `up` prints when everything is running. */
export function welcomeText({ hub, logPath, program, machine, agents }: Found, colors: Colors): string {
  const { dim, green, red } = colors
  const line = (name: string, text: string) => row(name, text, colors)
  const status = machine?.status
  const runtimes = status?.runtimes ?? []
  const ready = runtimes.some(({ found, login }) => found && login !== 'logged_out' && login !== 'expired')
  const running = agents.filter(({ state, gone }) => !gone && state !== 'exited' && state !== 'failed').length
  return [
    line('Hub', `${hub.url}${hub.own ? '' : ' (already running)'}`),
    line('Console', `${hub.url}/`),
    line(
      'Machine',
      machine
        ? `${cleanLine(machineName(machine), 64)} ${green('connected')} ${dim(machine.machine_id)}`
        : `${hostname()} ${red('is not connected')}: see ${logPath}`,
    ),
    ...(runtimes.length === 0
      ? [line('Runtime', 'still looking: fomular-daemon status')]
      : runtimes.map((runtime) => line('Runtime', runtimeText(runtime)))),
    // The lines above already report missing runtimes.
    ...(status?.problems ?? [])
      .filter(({ code }) => code !== 'runtime_missing')
      .map((problem) => problemText(problem, colors)),
    ...(running > 0 ? [line('Agents', `${running} running: fomular-daemon agent list`)] : []),
    '',
    ready ? 'Next, in another terminal:' : 'Then, in another terminal:',
    `  ${program} agent start --cwd . --prompt "What is this project?" --wait`,
    `  ${program} open`,
    `  ${program} agent list`,
    `  ${program} doctor`,
    '',
    ...(program === 'fomular-daemon' ? [] : [dim(`Type ${program} instead of fomular-daemon`)]),
    dim('Ctrl-C stops everything, including the agents.'),
  ].join('\n')
}
