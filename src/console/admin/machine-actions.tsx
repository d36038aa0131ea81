import { useState } from 'preact/hooks'
import type { HubMachine } from '../../protocol/hub-objects.ts'
import { foreseen } from '../agent/foreseen.ts'
import { Button } from '../parts/button.tsx'
import { tell, tellProblem } from '../parts/notices.tsx'
import { hub, may } from '../session/session.ts'
import { RemoveMachine } from './remove-machine.tsx'
import { RenameMachine } from './rename-machine.tsx'
import { RestartMachine } from './restart-machine.tsx'
import { StartAgent } from './start-agent.tsx'
import { UpdateMachine } from './update-machine.tsx'

/** Maximum time for a check, in seconds. */
const CHECK_WAIT_S = 60

type Action = 'start' | 'rename' | 'restart' | 'update' | 'remove'

/** Buttons for a machine, as the person's role permits. */
export function MachineActions({ machine }: { machine: HubMachine }) {
  const [isChecking, setChecking] = useState(false)
  const [dialog, setDialog] = useState<Action>()
  const check = async () => {
    setChecking(true)
    try {
      const { state } = await hub().machineCommand(machine.machine_id, 'check', {}, CHECK_WAIT_S)
      tell(
        state === 'pending'
          ? 'The machine has not answered yet. It checks its runtimes once it can.'
          : 'The machine has checked its runtimes and their logins.',
      )
    } catch (error) {
      tellProblem(error)
    }
    setChecking(false)
  }
  const open = (action: Action) => () => setDialog(action)
  const refused = (type: 'daemon:restart' | 'daemon:update') => foreseen(machine, type)
  const reasons = [
    ...new Set([...refused('daemon:restart'), ...refused('daemon:update')].map((each) => each.message)),
  ]
  const props = { machine, onClose: () => setDialog(undefined) }
  return (
    <div class="admin-buttons">
      {may('operator') && (
        <Button look="main" onClick={open('start')}>
          Start an agent…
        </Button>
      )}
      {may('admin') && (
        <>
          <Button disabled={isChecking || !machine.connected} onClick={() => void check()}>
            {isChecking ? 'Checking…' : 'Check'}
          </Button>
          <Button disabled={refused('daemon:restart').length > 0} onClick={open('restart')}>
            Restart…
          </Button>
          <Button disabled={refused('daemon:update').length > 0} onClick={open('update')}>
            Update…
          </Button>
          <Button onClick={open('rename')}>Rename…</Button>
          <Button look="danger" onClick={open('remove')}>
            Remove…
          </Button>
          {reasons.map((reason) => (
            <p key={reason}>{reason}</p>
          ))}
        </>
      )}
      {dialog === 'start' && <StartAgent machineId={machine.machine_id} onClose={props.onClose} />}
      {dialog === 'restart' && <RestartMachine {...props} />}
      {dialog === 'update' && <UpdateMachine {...props} />}
      {dialog === 'rename' && <RenameMachine {...props} />}
      {dialog === 'remove' && <RemoveMachine {...props} />}
    </div>
  )
}
