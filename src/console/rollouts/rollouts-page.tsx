import { useState } from 'preact/hooks'
import type { HubRolloutSummary } from '../../protocol/hub-rollouts.ts'
import { ago } from '../parts/ago.ts'
import { Button } from '../parts/button.tsx'
import { Name } from '../parts/name.tsx'
import { Problem } from '../parts/problem.tsx'
import { now } from '../parts/time.ts'
import { hrefOf } from '../route.ts'
import { hub, may } from '../session/session.ts'
import { BlockVersion } from './block-version.tsx'
import { BlockedVersions } from './blocked-versions.tsx'
import { countsText, stateText } from './rollout-text.ts'
import { StartRollout } from './start-rollout.tsx'
import { usePolled } from './use-polled.ts'

const EVERY_MS = 3000

/** All rollouts, newest first, and the versions that the hub orders nowhere. */
export function RolloutsPage() {
  const { value, problem, reload } = usePolled(load, EVERY_MS)
  const [dialog, setDialog] = useState<'start' | 'block'>()
  const onClose = () => {
    setDialog(undefined)
    reload()
  }
  return (
    <div class="admin-page">
      <section>
        <header>
          <h1>Rollouts</h1>
          {may('admin') && (
            <Button look="main" onClick={() => setDialog('start')}>
              Start a rollout…
            </Button>
          )}
        </header>
        {problem && <Problem error={problem} />}
        {!value && !problem && <p role="status">Loading…</p>}
        {value?.rollouts.length === 0 && (
          <p>There are no rollouts. A rollout updates the machines of groups, one group after the other.</p>
        )}
        {value && value.rollouts.length > 0 && <RolloutTable rollouts={value.rollouts} />}
      </section>
      <section>
        <header>
          <h2>Blocked versions</h2>
          {may('admin') && <Button onClick={() => setDialog('block')}>Block a version…</Button>}
        </header>
        {value && <BlockedVersions versions={value.versions} onChanged={reload} />}
      </section>
      {dialog === 'start' && <StartRollout onClose={onClose} />}
      {dialog === 'block' && <BlockVersion onClose={onClose} />}
    </div>
  )
}

async function load() {
  const [rollouts, versions] = await Promise.all([hub().rollouts.list(), hub().rollouts.blocked()])
  return { rollouts, versions }
}

const RolloutTable = ({ rollouts }: { rollouts: HubRolloutSummary[] }) => (
  <table class="admin-table rollout-list">
    <thead>
      <tr>
        {['Version', 'State', 'Groups', 'Machines', 'Started'].map((head) => (
          <th key={head} scope="col">
            {head}
          </th>
        ))}
      </tr>
    </thead>
    <tbody>
      {rollouts.map((rollout) => (
        <tr key={rollout.rollout_id}>
          <th scope="row">
            <a href={hrefOf(['rollouts', rollout.rollout_id])}>
              <Name text={rollout.version} />
            </a>
            <small>{rollout.rollout_id}</small>
          </th>
          <td>
            {stateText(rollout.state)}
            {rollout.reason !== undefined && (
              <small>
                <Name text={rollout.reason} />
              </small>
            )}
          </td>
          <td>
            <Name text={rollout.groups.join(', ')} />
          </td>
          <td>{countsText(rollout.counts)}</td>
          <td>
            <time dateTime={rollout.created_at}>{ago(rollout.created_at, now.value)}</time>
            {rollout.by !== undefined && (
              <small>
                by <Name text={rollout.by} />
              </small>
            )}
          </td>
        </tr>
      ))}
    </tbody>
  </table>
)
