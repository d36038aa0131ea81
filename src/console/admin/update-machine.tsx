import { useEffect, useRef, useState } from 'preact/hooks'
import type { HubMachine, Outcome } from '../../protocol/hub-objects.ts'
import { Button } from '../parts/button.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { Check, DialogBar, Form, TextField } from '../parts/form.tsx'
import { Name } from '../parts/name.tsx'
import { useSending } from '../parts/use-sending.tsx'
import { visible } from '../parts/visible.ts'
import { hub } from '../session/session.ts'
import { outcomeOf } from './outcome-of.ts'
import { agentsDuringRestart } from './restart-machine.tsx'

/** A stage of an update, with its latest message. */
interface Stage {
  stage: string
  message: string | undefined
}

/** A dialog that updates a machine's daemon, and shows the stages of the update. */
export function UpdateMachine({ machine, onClose }: { machine: HubMachine; onClose(): void }) {
  const [version, setVersion] = useState('latest')
  const [isDowngrade, setDowngrade] = useState(false)
  const [stages, setStages] = useState<Stage[]>([])
  const [done, setDone] = useState<string>()
  const aborter = useRef(new AbortController())
  useEffect(() => () => aborter.current.abort(), [])
  const { isSending, problem, send } = useSending(() => {})
  const submit = () =>
    send(async () => {
      setStages([])
      const body = { version: version.trim(), allow_downgrade: isDowngrade }
      const ordered = await hub().machineCommand(machine.machine_id, 'update', body, 0)
      const onPending = ({ progress }: Outcome) => {
        if (progress) setStages((known) => withStage(known, { message: undefined, ...progress }))
      }
      const { signal } = aborter.current
      const outcome = await outcomeOf(hub(), ordered.command_id, { signal, onPending })
      if (outcome && !signal.aborted) setDone(saidOf(outcome))
    })
  const isShown = isSending || stages.length > 0 || done !== undefined
  return (
    <Dialog title="Update the daemon" onClose={onClose}>
      <Form onSubmit={submit}>
        <p>
          The machine has version <Name text={machine.daemon_version} />. It fetches the new version from its
          own registry, tests it, and returns to the present version if the new one does not connect.{' '}
          {agentsDuringRestart(machine)}
        </p>
        <TextField
          label="Version"
          hint="An exact version, or a tag such as latest."
          isRequired
          value={version}
          onChange={setVersion}
        />
        <Check label="Also allow an older version" checked={isDowngrade} onChange={setDowngrade} />
        {isShown && <Stages stages={stages} machine={machine} done={done} isRunning={isSending} />}
        {problem}
        <DialogBar>
          <Button onClick={onClose}>{isSending ? 'Close and let it run' : 'Close'}</Button>
          {done === undefined && (
            <Button look="main" type="submit" disabled={isSending}>
              {isSending ? 'Updating…' : 'Update daemon'}
            </Button>
          )}
        </DialogBar>
      </Form>
    </Dialog>
  )
}

interface StagesProps {
  stages: Stage[]
  machine: HubMachine
  done: string | undefined
  isRunning: boolean
}

function Stages({ stages, machine, done, isRunning }: StagesProps) {
  const waiting = !machine.connected && isRunning ? 'Waiting for the machine to connect…' : undefined
  return (
    <div role="status">
      <ol class="update-stages">
        {stages.map(({ stage, message }) => (
          <li key={stage} dir="auto">
            {visible(message === undefined ? stage : `${stage}: ${message}`)}
          </li>
        ))}
      </ol>
      <p>
        {(done && visible(done)) ??
          waiting ??
          (stages.length === 0 && isRunning ? 'The update is ordered.' : '')}
      </p>
    </div>
  )
}

/** Adds a stage, or the new message of a known stage. */
function withStage(known: Stage[], stage: Stage): Stage[] {
  const at = known.findIndex((each) => each.stage === stage.stage)
  return at === -1 ? [...known, stage] : known.with(at, stage)
}

function saidOf({ result = {} }: Outcome): string {
  const [from, to] = [String(result.from_version), String(result.to_version)]
  return from === to ? `Version ${from} runs already.` : `Updated from ${from} to ${to}.`
}
