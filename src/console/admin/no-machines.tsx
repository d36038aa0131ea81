import { Empty } from '../parts/empty.tsx'
import { may } from '../session/session.ts'
import { AddButton } from './fleet-actions.tsx'

/** Shown while no machine has connected: how to add the first. */
export function NoMachines() {
  return (
    <Empty title="Add the first machine">
      <p>Agents run on machines. A machine is a computer with the daemon, which connects to this hub.</p>
      <AddButton look="main" />
      {!may('admin') && <p>Ask a person with the role admin to add one.</p>}
      <p>
        To use the computer on which the hub runs, start both there: <code>fomular-daemon up</code>
      </p>
    </Empty>
  )
}
