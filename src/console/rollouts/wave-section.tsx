import type { RolloutMachine } from '../../protocol/hub-rollouts.ts'
import { fleet } from '../fleet/fleet.ts'
import { nameOf } from '../fleet/machine-facts.ts'
import { ago } from '../parts/ago.ts'
import { Name } from '../parts/name.tsx'
import { now } from '../parts/time.ts'
import { visible } from '../parts/visible.ts'
import { hrefOf } from '../route.ts'
import { machineText, type Wave } from './rollout-text.ts'

/** Maximum number of machines that are shown for a group. */
const SHOWN = 100

/** The progress of a group, and its machines. */
export function WaveSection({ wave, isCurrent }: { wave: Wave; isCurrent: boolean }) {
  const { group, machines, updated, text } = wave
  const more = machines.length - SHOWN
  return (
    <section class="wave">
      <h2>
        <Name text={group} />
        {isCurrent && <small> current group</small>}
      </h2>
      <progress
        aria-label={`Updated machines of ${group}`}
        value={updated}
        max={Math.max(1, machines.length)}
      />
      <p>{text}</p>
      {machines.length > 0 && (
        <details open={isCurrent}>
          <summary>Machines</summary>
          <ul>
            {machines.slice(0, SHOWN).map((machine) => (
              <MachineLine key={machine.machine_id} machine={machine} />
            ))}
          </ul>
          {more > 0 && <p>and {more} more</p>}
        </details>
      )}
    </section>
  )
}

function MachineLine({ machine }: { machine: RolloutMachine }) {
  const { machine_id, state, from, error, not_before } = machine
  void fleet.value?.version.value
  const known = fleet.value?.machines.get(machine_id)
  return (
    <li class={`wave-${state}`}>
      <a href={hrefOf(['machines', machine_id])}>
        <Name text={known ? nameOf(known) : machine_id} />
      </a>{' '}
      <span>{visible(machineText(machine))}</span>
      {from !== undefined && (
        <span>
          , from <Name text={from} />
        </span>
      )}
      {not_before !== undefined && (
        <span>
          , next attempt <time dateTime={not_before}>{ago(not_before, now.value)}</time>
        </span>
      )}
      {error && <p dir="auto">{visible(`${error.code}: ${error.message}`)}</p>}
    </li>
  )
}
