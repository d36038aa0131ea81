import { useState } from 'preact/hooks'
import type { RolloutOrder } from '../../client/hub-rollouts.ts'
import type { HubRollout } from '../../protocol/hub-rollouts.ts'
import { ago } from '../parts/ago.ts'
import { Button } from '../parts/button.tsx'
import { Name } from '../parts/name.tsx'
import { Problem } from '../parts/problem.tsx'
import { now } from '../parts/time.ts'
import { visible } from '../parts/visible.ts'
import { hrefOf } from '../route.ts'
import { hub, may } from '../session/session.ts'
import { BlockVersion } from './block-version.tsx'
import { ORDER_TEXTS, OrderRollout } from './order-rollout.tsx'
import { ordersFor, stateText, wavesOf } from './rollout-text.ts'
import { usePolled } from './use-polled.ts'
import { WaveSection } from './wave-section.tsx'

const EVERY_MS = 2000

/** A rollout: its state, its progress by groups, and what a person can do with it. */
export function RolloutPage({ rolloutId }: { rolloutId: string }) {
  const { value: rollout, problem, reload } = usePolled(() => hub().rollouts.get(rolloutId), EVERY_MS)
  const [dialog, setDialog] = useState<RolloutOrder | 'block'>()
  const onClose = () => {
    setDialog(undefined)
    reload()
  }
  return (
    <article class="admin-page">
      <a href={hrefOf(['rollouts'])}>All rollouts</a>
      {problem && <Problem error={problem} />}
      {!rollout && !problem && <p role="status">Loading…</p>}
      {rollout && (
        <>
          <header>
            <h1>
              Rollout of <Name text={rollout.version} />
            </h1>
            {may('admin') && <Actions rollout={rollout} onChoose={setDialog} />}
          </header>
          <Summary rollout={rollout} />
          {wavesOf(rollout).map((wave, n) => (
            <WaveSection key={wave.group} wave={wave} isCurrent={n === rollout.wave} />
          ))}
        </>
      )}
      {rollout && dialog === 'block' && <BlockVersion version={rollout.version} onClose={onClose} />}
      {rollout && dialog !== undefined && dialog !== 'block' && (
        <OrderRollout rollout={rollout} order={dialog} onClose={onClose} />
      )}
    </article>
  )
}

interface ActionsProps {
  rollout: HubRollout
  onChoose(action: RolloutOrder | 'block'): void
}

const Actions = ({ rollout, onChoose }: ActionsProps) => (
  <div class="admin-buttons">
    {ordersFor(rollout.state).map((order) => (
      <Button key={order} look={ORDER_TEXTS[order].look} onClick={() => onChoose(order)}>
        {ORDER_TEXTS[order].button}…
      </Button>
    ))}
    <Button look="danger" onClick={() => onChoose('block')}>
      Block this version…
    </Button>
  </div>
)

function Summary({ rollout }: { rollout: HubRollout }) {
  const { state, reason, soak_until, unavailable, max_unavailable, turns, by, created_at } = rollout
  return (
    <div>
      <p role="status">
        <strong>{stateText(state)}</strong>
        {reason !== undefined && <> {visible(reason)}</>}
        {soak_until !== undefined && state === 'soaking' && (
          <> The hub watches this group; the rollout continues {ago(soak_until, now.value)}.</>
        )}
      </p>
      <p>
        {unavailable} of at most {max_unavailable} machines unavailable. Started{' '}
        <time dateTime={created_at}>{ago(created_at, now.value)}</time>
        {by !== undefined && (
          <>
            {' '}
            by <Name text={by} />
          </>
        )}
        .
      </p>
      {turns && turns.updated.ended > 0 && (
        <p>
          Failed turns: {turns.updated.failed} of {turns.updated.ended} with the update, {turns.others.failed}{' '}
          of {turns.others.ended} without.
        </p>
      )}
    </div>
  )
}
