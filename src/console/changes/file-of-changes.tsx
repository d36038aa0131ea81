import { useEffect, useState } from 'preact/hooks'
import type { HubClient } from '../../client/hub-client.ts'
import type { ChangedFile } from '../../protocol/workspace.ts'
import { Fold } from '../agent/blocks/fold.tsx'
import { Button } from '../parts/button.tsx'
import { visibleLine } from '../parts/visible.ts'
import type { Since } from './comments.ts'
import { Hunks } from './hunks.tsx'

interface FileProps {
  hub: HubClient
  agentId: string
  /** Identifies the agent. */
  agent: string
  /** The file, without its lines. */
  file: ChangedFile
  /** Path of the file, as the agent knows it. */
  path: string
  since: Since
  mayComment: boolean
}

const OMITTED: Record<string, string> = {
  too_large: 'The file is too large to be compared.',
  too_different: 'The versions are too different to be compared.',
  unreadable: 'The content cannot be read.',
  start_unknown: 'The content at the start of the agent is not known.',
}

/** A changed file. Its lines are loaded when a person unfolds it. */
export function FileOfChanges(props: FileProps) {
  const { file, path } = props
  const from = file.old_path === undefined ? '' : `${file.old_path} → `
  return (
    <Fold
      id={`change ${props.since} ${path}`}
      look="change-file"
      summary={
        <>
          <bdi class="change-path">{visibleLine(from + path, 1000)}</bdi>
          <span class="change-facts">
            {[file.change, file.kind, file.binary && 'binary'].filter(Boolean).join(', ')}{' '}
            {file.added !== undefined && <span class="change-added">+{file.added}</span>}{' '}
            {file.removed !== undefined && <span class="change-removed">−{file.removed}</span>}
          </span>
        </>
      }
    >
      {() => <Lines {...props} />}
    </Fold>
  )
}

function Lines({ hub, agentId, agent, file, path, since, mayComment }: FileProps) {
  const { shown, problem, more } = useLines({ hub, agentId, file, since })
  if (problem)
    return (
      <p role="alert">
        {problem.message} {problem.remedy}
      </p>
    )
  if (!shown) return <p role="status">Loading…</p>
  return (
    <>
      {shown.mode !== undefined && (
        <p>
          Mode {shown.old_mode} → {shown.mode}
        </p>
      )}
      {shown.omitted !== undefined && <p>{OMITTED[shown.omitted] ?? 'The lines are not shown.'}</p>}
      {shown.hunks.length > 0 && <Hunks {...{ agent, path, since, mayComment }} file={shown} />}
      {more && <Button onClick={more}>Show more lines</Button>}
    </>
  )
}

type LoadOptions = Pick<FileProps, 'hub' | 'agentId' | 'file' | 'since'>

/** Loads the lines of a file, one page at a time. */
function useLines({ hub, agentId, file, since }: LoadOptions) {
  const [shown, setShown] = useState<ChangedFile>()
  const [next, setNext] = useState<string>()
  const [problem, setProblem] = useState<Error & { remedy?: string }>()
  const load = async (after: string | undefined, before: ChangedFile | undefined) => {
    try {
      const paths = [file.path, ...(file.old_path === undefined ? [] : [file.old_path])]
      const page = await hub.changes(agentId, { since, paths, ...(after !== undefined && { after }) })
      const found = page.files.find((each) => each.folder === file.folder && each.path === file.path)
      if (found) setShown({ ...found, hunks: [...(before?.hunks ?? []), ...found.hunks] })
      else if (!before) setShown({ ...file, hunks: [] })
      setNext(found?.continued ? page.next : undefined)
    } catch (error) {
      setProblem(error as Error)
    }
  }
  useEffect(() => {
    setProblem(undefined)
    void load(undefined, undefined)
  }, [file, since])
  return { shown, problem, more: next === undefined ? undefined : () => void load(next, shown) }
}
