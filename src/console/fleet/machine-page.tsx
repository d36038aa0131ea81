import type { ComponentChildren } from 'preact'
import type { HubMachine } from '../../protocol/hub-objects.ts'
import { ago, bytes } from '../parts/ago.ts'
import { Empty } from '../parts/empty.tsx'
import { Name } from '../parts/name.tsx'
import { now } from '../parts/time.ts'
import { visible } from '../parts/visible.ts'
import { hrefOf } from '../route.ts'
import { fleet } from './fleet.ts'
import { FleetLoading } from './fleet-loading.tsx'
import { loadText, nameOf, usedPercent } from './machine-facts.ts'
import './machine-page.css'

interface MachinePageProps {
  machineId: string
  /** Buttons for what the person may do with the machine. */
  actions?: ComponentChildren
}

/** A machine: its state, its problems with their remedies, and its runtimes. */
export function MachinePage({ machineId, actions }: MachinePageProps) {
  const { value } = fleet
  void value?.version.value
  const machine = value?.machines.get(machineId)
  if (!machine && !value?.isComplete.value) return <FleetLoading />
  if (!machine) return <Empty title="The hub does not know this machine.">It may have been removed.</Empty>
  const agents = hrefOf([], new URLSearchParams({ machine: machineId }))
  return (
    <article class="machine-page">
      <header>
        <h1>
          <Name text={nameOf(machine)} />
        </h1>
        {actions}
      </header>
      <Facts machine={machine} />
      <a href={agents}>Show its agents</a>
      <Problems machine={machine} />
      <Runtimes machine={machine} />
    </article>
  )
}

function Facts({ machine }: { machine: HubMachine }) {
  const { memory, disk, load, accepts_agents } = machine.status
  const facts: [string, ComponentChildren][] = [
    ['Connection', `${machine.connected ? 'connected' : 'not connected'}, ${ago(machine.since, now.value)}`],
    ['Accepts agents', accepts_agents ? 'yes' : 'no'],
    ['System', visible(`${machine.hostname}, ${machine.os}, ${machine.arch}`)],
    ['Daemon', visible(machine.daemon_version)],
    ...(machine.group === undefined ? [] : [['Group', visible(machine.group)] satisfies [string, string]]),
    ...labelFacts('Labels', machine.labels),
    ...labelFacts('Labels from the machine itself', machine.own_labels),
    ['Memory', `${usedPercent(memory)} % of ${bytes(memory.total_bytes)} in use`],
    ['Disk', `${usedPercent(disk)} % of ${bytes(disk.total_bytes)} in use`],
    ...(load ? [['Load', loadText(load)] satisfies [string, string]] : []),
    ...(machine.history_bytes === undefined
      ? []
      : [['History on the hub', bytes(machine.history_bytes)] satisfies [string, string]]),
    ['Id', <code key="id">{visible(machine.machine_id)}</code>],
  ]
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd dir="auto">{value}</dd>
        </div>
      ))}
    </dl>
  )
}

function labelFacts(name: string, labels: Record<string, string> = {}): [string, string][] {
  const text = Object.entries(labels).map(([key, value]) => visible(`${key}=${value}`))
  return text.length === 0 ? [] : [[name, text.join(', ')]]
}

function Problems({ machine: { status } }: { machine: HubMachine }) {
  if (status.problems.length === 0) return null
  return (
    <section>
      <h2>Problems</h2>
      <ul class="problems">
        {status.problems.map(({ code, severity, message, remedy, since }) => (
          <li key={code} class={`problem-${severity}`}>
            <p dir="auto">{visible(message)}</p>
            {remedy !== undefined && <p dir="auto">{visible(remedy)}</p>}
            <time dateTime={since}>{ago(since, now.value)}</time>
          </li>
        ))}
      </ul>
    </section>
  )
}

function Runtimes({ machine: { status } }: { machine: HubMachine }) {
  return (
    <section>
      <h2>Runtimes</h2>
      {status.runtimes.length === 0 && <p>The machine has reported none yet.</p>}
      <ul>
        {status.runtimes.map(({ name, found, version, login, path, problem }) => (
          <li key={name}>
            <strong>
              <Name text={name} />
            </strong>{' '}
            {found ? version !== undefined && <Name text={version} /> : 'is not installed'}
            {login !== undefined && `, ${login.replace('_', ' ')}`}
            {path !== undefined && (
              <>
                {' '}
                <code>{visible(path)}</code>
              </>
            )}
            {problem !== undefined && <p dir="auto">{visible(problem)}</p>}
            {!found && (
              <p>
                To install Claude Code on the machine: <code>npm install -g @anthropic-ai/claude-code</code>
              </p>
            )}
          </li>
        ))}
      </ul>
    </section>
  )
}
