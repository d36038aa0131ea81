import type { RolloutOrder } from '../../client/hub-rollouts.ts'
import type { HubRollout } from '../../protocol/hub-rollouts.ts'
import { Button } from '../parts/button.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { DialogBar, Form } from '../parts/form.tsx'
import { useSending } from '../parts/use-sending.tsx'
import { hub } from '../session/session.ts'

interface OrderText {
  title: string
  text: string
  button: string
  look: 'main' | 'danger'
}

export const ORDER_TEXTS: Record<RolloutOrder, OrderText> = {
  pause: {
    title: 'Pause the rollout?',
    text: 'The hub orders no further updates. Updates that have begun continue.',
    button: 'Pause',
    look: 'main',
  },
  resume: {
    title: 'Resume the rollout?',
    text: 'The rollout continues. Failures so far no longer count.',
    button: 'Resume',
    look: 'main',
  },
  'roll-back': {
    title: 'Roll back the rollout?',
    text: 'All machines of this rollout return to the versions that they had. Machines that are not connected return when they connect.',
    button: 'Roll back',
    look: 'danger',
  },
  cancel: {
    title: 'Cancel the rollout?',
    text: 'The rollout ends for good. Machines keep the version that they have.',
    button: 'Cancel rollout',
    look: 'danger',
  },
}

interface OrderRolloutProps {
  rollout: HubRollout
  order: RolloutOrder
  onClose(): void
}

/** A dialog that gives an order about a rollout. */
export function OrderRollout({ rollout, order, onClose }: OrderRolloutProps) {
  const { title, text, button, look } = ORDER_TEXTS[order]
  const { isSending, problem, send } = useSending(onClose)
  const submit = () =>
    send(async () => {
      await hub().rollouts.order(rollout.rollout_id, order)
    })
  return (
    <Dialog title={title} onClose={onClose}>
      <Form onSubmit={submit}>
        <p>{text}</p>
        {problem}
        <DialogBar>
          <Button onClick={onClose}>Close</Button>
          <Button look={look} type="submit" disabled={isSending}>
            {button}
          </Button>
        </DialogBar>
      </Form>
    </Dialog>
  )
}
