import { useState } from 'preact/hooks'
import { fleet } from '../fleet/fleet.ts'
import { Button } from '../parts/button.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { Check, DialogBar, Form, TextField } from '../parts/form.tsx'
import { useSending } from '../parts/use-sending.tsx'
import { visible } from '../parts/visible.ts'
import { hrefOf } from '../route.ts'
import { hub } from '../session/session.ts'
import { groupsIn } from './rollout-text.ts'

/** A dialog that starts a rollout. */
export function StartRollout({ onClose }: { onClose(): void }) {
  const [version, setVersion] = useState('')
  const [groups, setGroups] = useState('')
  const [most, setMost] = useState('1')
  const [soak, setSoak] = useState('30')
  const [haltOn, setHaltOn] = useState('1')
  const [isDowngrade, setDowngrade] = useState(false)
  const { isSending, problem, send } = useSending(onClose)
  const submit = () =>
    send(async () => {
      const { rollout_id } = await hub().rollouts.begin({
        version: version.trim(),
        groups: groupsIn(groups),
        max_unavailable: Number(most),
        soak_s: Math.round(Number(soak) * 60),
        halt_on: Number(haltOn),
        allow_downgrade: isDowngrade,
      })
      location.hash = hrefOf(['rollouts', rollout_id])
    })
  return (
    <Dialog title="Start a rollout" onClose={onClose}>
      <Form onSubmit={submit}>
        <p>
          The hub updates the machines of each group, watches the group, and then continues with the next. It
          halts when machines fail, stay offline, or have new errors, or when more turns fail.
        </p>
        <TextField
          label="Version"
          hint="An exact version."
          isRequired
          value={version}
          onChange={setVersion}
        />
        <TextField
          label="Groups, in their order"
          hint={knownGroups()}
          isRequired
          value={groups}
          onChange={setGroups}
          placeholder="canary, office"
        />
        <TextField
          label="Machines that may be unavailable at once"
          type="number"
          min={1}
          isRequired
          value={most}
          onChange={setMost}
        />
        <TextField
          label="Minutes to watch each group"
          type="number"
          min={0}
          step="any"
          isRequired
          value={soak}
          onChange={setSoak}
        />
        <TextField
          label="Failed machines at which it halts"
          type="number"
          min={1}
          isRequired
          value={haltOn}
          onChange={setHaltOn}
        />
        <Check label="Also allow an older version" checked={isDowngrade} onChange={setDowngrade} />
        {problem}
        <DialogBar>
          <Button onClick={onClose}>Close</Button>
          <Button look="main" type="submit" disabled={isSending}>
            Start rollout
          </Button>
        </DialogBar>
      </Form>
    </Dialog>
  )
}

/** Names the groups of the machines, with the numbers of their machines. */
function knownGroups(): string {
  const counts = new Map<string, number>()
  for (const { group } of fleet.value?.machines.values() ?? [])
    if (group !== undefined) counts.set(group, (counts.get(group) ?? 0) + 1)
  if (counts.size === 0)
    return 'No machine is in a group. Put machines in groups with `fomular-daemon machine group`.'
  const names = [...counts].sort().map(([group, count]) => visible(`${group} (${count})`))
  return `The groups are: ${names.join(', ')}.`
}
