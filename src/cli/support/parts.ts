import { readFileSync } from 'node:fs'
import { arch, freemem, loadavg, platform, release, totalmem, uptime } from 'node:os'
import { EXECUTABLE } from '../../platform/executable.ts'
import { orUndefined } from '../../platform/or-undefined.ts'
import { VERSION } from '../../platform/version.ts'
import { peekRecord, publicRecord, type UpdateRecord } from '../../update/record.ts'
import type { DaemonStatus } from '../client/control-client.ts'
import { examine } from '../doctor/examine.ts'
import type { Connected } from '../local/index.ts'
import { lastLines } from '../tail.ts'
import { agentFacts } from './agent-facts.ts'

/** A file of the archive. */
export interface Part {
  name: string
  /** Description of the content, for people. */
  about: string
  text: string
}

/** Maximum number of lines of the log. */
const LOG_LINES = 500
/** Files of the kernel that say how long programs waited for memory, processors, and disks. */
const PRESSURE = ['cpu', 'io', 'memory']

/**
 * Collects what helps to understand a problem of this machine, without prompts, activity, and secrets.
 * @param blank removes secrets from a text
 */
export async function collectParts(connected: Connected, blank: (text: string) => string): Promise<Part[]> {
  const { daemon, paths } = connected
  const [status, metrics, findings] = await Promise.all([
    daemon.status().catch((error: Error) => error),
    daemon.metrics().catch(() => undefined),
    examine({}, process.env, connected).catch((error: Error) => error),
  ])
  const running = status instanceof Error ? undefined : status
  const update = orUndefined(() => peekRecord(paths.dir))
  const parts: [name: string, about: string, content: unknown][] = [
    ['about.json', 'versions of the program, Node, and the system', aboutThisMachine()],
    [
      'doctor.json',
      'the findings of doctor',
      findings instanceof Error ? said(findings) : findings.map(findingFacts),
    ],
    ['status.json', 'the daemon and its connection', running ? daemonFacts(running) : said(status as Error)],
    [
      'policy.json',
      'the policy in force',
      running && { ...running.machine.policy, refused: running.policy_refused },
    ],
    ['agents.json', "the agents' states and ends, without what they do", running?.agents.map(agentFacts)],
    ['metrics.json', 'the metrics of the daemon', metrics],
    ['update.json', 'the last update', update && updateFacts(update)],
  ]
  const lines = orUndefined(() => lastLines(paths.log, LOG_LINES)?.lines) ?? []
  return [
    ...parts.flatMap(([name, about, content]) =>
      content === undefined
        ? []
        : [{ name, about, text: blank(`${JSON.stringify(content, undefined, 2)}\n`) }],
    ),
    ...(lines.length === 0
      ? []
      : [
          {
            name: 'daemon.log',
            about: `the last ${lines.length} lines of the daemon's log`,
            text: blank(`${lines.join('\n')}\n`),
          },
        ]),
  ]
}

const said = ({ message }: Error) => ({ problem: message })

function aboutThisMachine() {
  const pressure = PRESSURE.map((name) => [
    name,
    orUndefined(() => readFileSync(`/proc/pressure/${name}`, 'utf8').trim().split('\n')),
  ])
  return {
    version: VERSION,
    executable: EXECUTABLE,
    node: process.version,
    platform: platform(),
    arch: arch(),
    kernel: release(),
    uptime_s: Math.round(uptime()),
    load: loadavg(),
    memory: { total_bytes: totalmem(), free_bytes: freemem() },
    pressure: Object.fromEntries(pressure),
  }
}

/** Leaves out the arguments of the daemon, and the output of npm. */
function updateFacts(record: UpdateRecord) {
  const { error, ...facts } = publicRecord(record)
  return { ...facts, error: error && { code: error.code, message: error.message } }
}

/** Leaves out the command lines of processes, which agents have chosen. */
const findingFacts = ({ strays: _, unproven: __, ...facts }: Awaited<ReturnType<typeof examine>>[number]) =>
  facts

function daemonFacts(status: DaemonStatus) {
  const { agents: _, environment, machine, server_url, policy_refused: __, ...facts } = status
  const { policy: ___, ...condition } = machine
  return {
    ...facts,
    // A path or a query may contain a secret.
    server: URL.canParse(server_url) ? new URL(server_url).origin : undefined,
    machine: condition,
    variables: Object.keys(environment?.variables ?? {}),
  }
}
