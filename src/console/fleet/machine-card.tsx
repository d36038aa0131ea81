import type { HubMachine } from '../../protocol/hub-objects.ts'
import { ago } from '../parts/ago.ts'
import { Name } from '../parts/name.tsx'
import { now } from '../parts/time.ts'
import { hrefOf } from '../route.ts'
import { nameOf, usedPercent } from './machine-facts.ts'
import './machine-card.css'

/** A machine in the list of machines. */
export function MachineCard({ machine, agents }: { machine: HubMachine; agents: number }) {
  const { memory, disk, problems } = machine.status
  return (
    <a class="machine-card" href={hrefOf(['machines', machine.machine_id])}>
      <Name class="machine-card-name" text={nameOf(machine)} />
      <span class={machine.connected ? 'machine-card-on' : 'machine-card-off'}>
        {machine.connected ? 'Connected' : `Not connected since ${ago(machine.since, now.value)}`}
      </span>
      <span>
        {agents} {agents === 1 ? 'agent' : 'agents'} · memory {usedPercent(memory)} % · disk{' '}
        {usedPercent(disk)} % · <Name text={machine.daemon_version} />
      </span>
      {problems.length > 0 && (
        <span class="machine-card-problem">
          <Name text={problems[0]!.message} />
          {problems.length > 1 && ` And ${problems.length - 1} more.`}
        </span>
      )}
    </a>
  )
}
