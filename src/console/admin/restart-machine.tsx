import type { HubMachine } from '../../protocol/hub-objects.ts'
import { Button } from '../parts/button.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { DialogBar, Form } from '../parts/form.tsx'
import { tell } from '../parts/notices.tsx'
import { useSending } from '../parts/use-sending.tsx'
import { visible } from '../parts/visible.ts'
import { hub } from '../session/session.ts'

/** Maximum time until a daemon has begun its restart, in seconds. */
const RESTART_WAIT_S = 30

/** A dialog that restarts a machine's daemon. */
export function RestartMachine({ machine, onClose }: { machine: HubMachine; onClose(): void }) {
  const { isSending, problem, send } = useSending(onClose)
  const submit = () =>
    send(async () => {
      const wait = machine.connected ? RESTART_WAIT_S : 0
      const { state } = await hub().machineCommand(machine.machine_id, 'restart', {}, wait)
      tell(state === 'pending' ? 'The daemon restarts once it can.' : 'The daemon restarts.')
    })
  return (
    <Dialog title="Restart the daemon?" onClose={onClose}>
      <Form onSubmit={submit}>
        <p>The machine is not connected for a few seconds. {agentsDuringRestart(machine)}</p>
        {problem}
        <DialogBar>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="main" type="submit" disabled={isSending}>
            {isSending ? 'Restarting…' : 'Restart daemon'}
          </Button>
        </DialogBar>
      </Form>
    </Dialog>
  )
}

/** Returns what a restart or an update means for the machine's agents. */
export const agentsDuringRestart = ({ status }: HubMachine): string =>
  visible(
    status.problems.find(({ code }) => code === 'agents_end_with_daemon')?.message ??
      'Its agents keep running.',
  )
