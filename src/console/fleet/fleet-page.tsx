import { signal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useMemo, useState } from 'preact/hooks'
import type { HubMachine } from '../../protocol/hub-objects.ts'
import { Button } from '../parts/button.tsx'
import { Empty } from '../parts/empty.tsx'
import { useThrottled } from '../parts/throttled.ts'
import { replaceQuery, route } from '../route.ts'
import { AgentGroup } from './agent-group.tsx'
import { type Fleet, fleet } from './fleet.ts'
import { filterIn, GROUP_TITLES, GROUPS, type Group, grouped } from './groups.ts'
import { MachineCard } from './machine-card.tsx'
import { countByMachine, orderMachines } from './machine-facts.ts'
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
  const [isAll, showAll] = useState(false)
  if (!value || value.live.value.state === 'connecting') return <p role="status">Loading…</p>
  const machines = orderMachines(value.machines.values())
  const counts = countByMachine(value.agents.values())
  const cards = (shown: HubMachine[]) => (
    <div class="machine-cards">
      {shown.map((machine) => (
        <MachineCard
          key={machine.machine_id}
          machine={machine}
          agents={counts.get(machine.machine_id) ?? 0}
        />
      ))}
    </div>
  )
  if (machines.length === 0)
    return <>{withoutMachines ?? <Empty title="No machine has connected yet.">Add a machine first.</Empty>}</>
  return (
    <div class="fleet">
      <header>
        <h1>Agents</h1>
        {actions}
      </header>
      {value.agents.size === 0 ? withoutAgents : <Agents fleet={value} />}
      <section>
        <h2>Machines</h2>
        {cards(isAll ? machines : machines.slice(0, FIRST_MACHINES))}
        {!isAll && machines.length > FIRST_MACHINES && (
          <Button look="quiet" onClick={() => showAll(true)}>
            Show all {machines.length} machines
          </Button>
        )}
      </section>
    </div>
  )
}

function Agents({ fleet: { agents, machines, version } }: { fleet: Fleet }) {
  useThrottled(version, DRAW_MS)
  const { query } = route.value
  const filter = useMemo(() => filterIn(query), [query])
  const unfiltered = grouped(agents.values(), { ...filter, groups: new Set() })
  const shown = GROUPS.filter((group) => filter.groups.size === 0 || filter.groups.has(group))
  const machine = filter.machine_id === undefined ? undefined : machines.get(filter.machine_id)
  const count = shown.reduce((sum, group) => sum + unfiltered.get(group)!.length, 0)
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
            On <bdi>{machine?.name ?? filter.machine_id}</bdi> ×
          </button>
        )}
        {GROUPS.map((group) => (
          <Chip key={group} group={group} count={unfiltered.get(group)!.length} shown={filter.groups} />
        ))}
      </search>
      <p class="unseen" role="status">
        {count} {count === 1 ? 'agent' : 'agents'}
      </p>
      {count === 0 && <p>No agent matches.</p>}
      {shown.map((group) => (
        <AgentGroup key={group} group={group} agents={unfiltered.get(group)!} />
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
