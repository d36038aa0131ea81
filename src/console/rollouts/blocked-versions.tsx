import { useState } from 'preact/hooks'
import type { BlockedVersion } from '../../protocol/hub-rollouts.ts'
import { ago } from '../parts/ago.ts'
import { Button } from '../parts/button.tsx'
import { Name } from '../parts/name.tsx'
import { tell, tellProblem } from '../parts/notices.tsx'
import { now } from '../parts/time.ts'
import { hub, may } from '../session/session.ts'

interface BlockedVersionsProps {
  versions: BlockedVersion[]
  onChanged(): void
}

/** The versions that the hub orders nowhere. */
export function BlockedVersions({ versions, onChanged }: BlockedVersionsProps) {
  if (versions.length === 0) return <p>No version is blocked.</p>
  return (
    <ul class="blocked-versions">
      {versions.map((each) => (
        <Blocked key={each.version} blocked={each} onChanged={onChanged} />
      ))}
    </ul>
  )
}

function Blocked({ blocked, onChanged }: { blocked: BlockedVersion; onChanged(): void }) {
  const { version, reason, by, at } = blocked
  const [isSure, setSure] = useState(false)
  const unblock = async () => {
    try {
      await hub().rollouts.unblock(version)
      tell(`Version ${version} is no longer blocked.`)
    } catch (error) {
      tellProblem(error)
    }
    onChanged()
  }
  return (
    <li>
      <p>
        <strong>
          <Name text={version} />
        </strong>{' '}
        {reason !== undefined && <Name text={reason} />}
        <small>
          <time dateTime={at}>{ago(at, now.value)}</time>
          {by !== undefined && (
            <>
              {' '}
              by <Name text={by} />
            </>
          )}
        </small>
      </p>
      {may('admin') && (
        <Button
          label={isSure ? `Unblock ${version}` : `Unblock ${version}…`}
          onClick={() => (isSure ? void unblock() : setSure(true))}
        >
          {isSure ? 'Unblock now' : 'Unblock…'}
        </Button>
      )}
    </li>
  )
}
