import { signal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useMemo, useState } from 'preact/hooks'
import { Button } from '../parts/button.tsx'
import { Empty } from '../parts/empty.tsx'
import { Name } from '../parts/name.tsx'
import { useThrottled } from '../parts/throttled.ts'
import { replaceQuery, route } from '../route.ts'
import { AgentGroup } from './agent-group.tsx'
import { type Fleet, fleet } from './fleet.ts'
import { FleetLoading } from './fleet-loading.tsx'
import { filterIn, GROUP_TITLES, GROUPS, type Group } from './groups.ts'
import { MachineCard } from './machine-card.tsx'
import { orderMachines } from './machine-facts.ts'
import './fleet-page.css'

/** Minimum time between two drawings of the lists, in milliseconds. */
const DRAW_MS = 250
/** Maximum number of machines that are shown before the person asks for all. */
const FIRST_MACHINES = 12

const none = signal(0)

interface FleetPageProps {
  /** Buttons for what the person may do: start an agent, add a machine. */
  actions?: ComponentChildren
  /** Shown while no machine has connected. */
  withoutMachines?: ComponentChildren
  /** Shown while there is no agent. */
  withoutAgents?: ComponentChildren
}

/** All machines and agents, with what needs a person first. The address contains the filters. */
export function FleetPage({ actions, withoutMachines, withoutAgents }: FleetPageProps) {
  const { value } = fleet
  useThrottled(value?.version ?? none, DRAW_MS)
  if (!value) return <FleetLoading />
  const { machines, agents, isComplete } = value
  if (machines.size === 0 && agents.size === 0) {
    if (!isComplete.value) return <FleetLoading />
    return <>{withoutMachines ?? <Empty title="No machine has connected yet.">Add a machine first.</Empty>}</>
  }
  return (
    <div class="fleet">
      <header>
        <h1>Agents</h1>
        {actions}
      </header>
      {agents.size > 0 ? <Agents fleet={value} /> : isComplete.value ? withoutAgents : <FleetLoading />}
      {machines.size > 0 && <Machines fleet={value} />}
    </div>
  )
}

function Machines({ fleet: { machines, groups, version } }: { fleet: Fleet }) {
  useThrottled(version, DRAW_MS)
  const [isAll, showAll] = useState(false)
  const ordered = orderMachines(machines.values())
  return (
    <section>
      <h2>Machines</h2>
      <div class="machine-cards">
        {(isAll ? ordered : ordered.slice(0, FIRST_MACHINES)).map((machine) => (
          <MachineCard key={machine.machine_id} machine={machine} agents={groups.count(machine.machine_id)} />
        ))}
      </div>
      {!isAll && ordered.length > FIRST_MACHINES && (
        <Button look="quiet" onClick={() => showAll(true)}>
          Show all {ordered.length} machines
        </Button>
      )}
    </section>
  )
}

function Agents({ fleet: { groups, machines, live, version } }: { fleet: Fleet }) {
  useThrottled(version, DRAW_MS)
  const { query } = route.value
  const filter = useMemo(() => filterIn(query), [query])
  groups.select(filter)
  const shown = GROUPS.filter((group) => filter.groups.size === 0 || filter.groups.has(group))
  const machine = filter.machine_id === undefined ? undefined : machines.get(filter.machine_id)
  const count = shown.reduce((sum, group) => sum + groups.size(group), 0)
  return (
    <section>
      <search class="filters">
        <input
          type="search"
          aria-label="Search agents"
          placeholder="Search agents"
          value={query.get('q') ?? ''}
          onInput={(event) => setQuery('q', event.currentTarget.value)}
        />
        {filter.machine_id !== undefined && (
          <button type="button" class="chip" aria-pressed="true" onClick={() => setQuery('machine', '')}>
            On <Name text={machine?.name ?? filter.machine_id} /> ×
          </button>
        )}
        {GROUPS.map((group) => (
          <Chip key={group} group={group} count={groups.size(group)} shown={filter.groups} />
        ))}
      </search>
      <p class="unseen" role="status">
        {count} {count === 1 ? 'agent' : 'agents'}
      </p>
      {count === 0 && <p>No agent matches.</p>}
      {shown.map((group) => (
        <AgentGroup
          key={group}
          group={group}
          agents={groups.of(group)}
          isLoading={live.value.state === 'loading'}
        />
      ))}
    </section>
  )
}

/** A button that shows only the agents of a group, or of this group as well. */
function Chip({ group, count, shown }: { group: Group; count: number; shown: ReadonlySet<Group> }) {
  const isOn = shown.has(group)
  if (count === 0 && !isOn) return null
  const next = GROUPS.filter((each) => (each === group ? !isOn : shown.has(each)))
  return (
    <button type="button" class="chip" aria-pressed={isOn} onClick={() => setQuery('show', next.join(','))}>
      {GROUP_TITLES[group]} {count}
    </button>
  )
}

function setQuery(name: string, value: string) {
  const query = new URLSearchParams(route.value.query)
  if (value === '') query.delete(name)
  else query.set(name, value)
  replaceQuery(query)
}
