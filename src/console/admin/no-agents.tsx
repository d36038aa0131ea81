import { fleet } from '../fleet/fleet.ts'
import { nameOf } from '../fleet/machine-facts.ts'
import { Empty } from '../parts/empty.tsx'
import { Name } from '../parts/name.tsx'
import { visible } from '../parts/visible.ts'
import { hrefOf } from '../route.ts'
import { may } from '../session/session.ts'
import { StartButton } from './fleet-actions.tsx'
import { startOrder } from './start-form.ts'

/** Shown while there is no agent: how to start the first, and what its machine still lacks. */
export function NoAgents() {
  void fleet.value?.version.value
  const [machine] = startOrder(fleet.value?.machines.values() ?? [])
  const problem = machine?.status.problems.find(({ code }) => LACKS.includes(code))
  return (
    <Empty title="Start the first agent">
      <p>An agent works in a folder of a machine. Give it a first prompt, such as “Explain this project”.</p>
      <StartButton />
      {!may('operator') && <p>Ask a person with the role operator to start one.</p>}
      {machine && problem && (
        <p dir="auto">
          <a href={hrefOf(['machines', machine.machine_id])}>
            <Name text={nameOf(machine)} />
          </a>
          {': '}
          {visible(`${problem.message} ${problem.remedy ?? ''}`)}
        </p>
      )}
    </Empty>
  )
}

/** Problems without whose remedy no agent works. */
const LACKS: readonly string[] = [
  'runtime_missing',
  'runtime_too_old',
  'runtime_broken',
  'not_logged_in',
  'login_expired',
]
