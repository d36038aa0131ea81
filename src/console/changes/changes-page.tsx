import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { HubClient } from '../../client/hub-client.ts'
import type { ChangedFile, WorkspaceChanges } from '../../protocol/workspace.ts'
import { AgentTabs } from '../agent/agent-tabs.tsx'
import { Scope } from '../agent/blocks/scope.ts'
import { agentKey, fleet } from '../fleet/fleet.ts'
import { Button } from '../parts/button.tsx'
import { Empty } from '../parts/empty.tsx'
import { Name } from '../parts/name.tsx'
import { visible, visibleLine } from '../parts/visible.ts'
import { replaceQuery, route } from '../route.ts'
import { hubFor, may } from '../session/session.ts'
import type { Since } from './comments.ts'
import { FileOfChanges } from './file-of-changes.tsx'
import { SendComments } from './send-comments.tsx'
import './changes.css'

const SINCE = { start: 'Since the start of the agent', head: 'Since the last commit' }

/** The changes that an agent has made in its folders, and a person's comments on them. */
export function ChangesPage({ machineId, agentId }: { machineId: string; agentId: string }) {
  const ref = { machine_id: machineId, agent_id: agentId }
  const hub = useMemo(() => hubFor(ref), [machineId, agentId])
  const since = route.value.query.get('since') === 'head' ? 'head' : 'start'
  const { changes, problem, isLoading, reload, more } = useChanges(hub, agentId, since)
  const [mayComment, setMayComment] = useState(() => may('operator') && matchMedia('(pointer: fine)').matches)
  void fleet.value?.version.value
  const agent = fleet.value?.agents.get(agentKey(ref))
  return (
    <article class="changes-page">
      <header class="changes-header">
        <h1>
          <Name text={agent?.title || agentId} />
        </h1>
        <AgentTabs {...ref} current="changes" />
        <div class="changes-bar">
          <select
            aria-label="Compare with"
            value={since}
            onChange={(event) => replaceQuery(new URLSearchParams({ since: event.currentTarget.value }))}
          >
            {Object.entries(SINCE).map(([value, label]) => (
              <option key={value} value={value}>
                {label}
              </option>
            ))}
          </select>
          <Button disabled={isLoading} onClick={reload}>
            Refresh
          </Button>
          {may('operator') && (
            <label class="changes-choice">
              <input
                type="checkbox"
                checked={mayComment}
                onChange={(event) => setMayComment(event.currentTarget.checked)}
              />
              Comment on lines
            </label>
          )}
        </div>
      </header>
      {problem && (
        <Empty title="The changes cannot be shown.">
          <p role="alert">{visible(`${problem.message} ${problem.remedy ?? ''}`)}</p>
        </Empty>
      )}
      {!changes && !problem && <p role="status">Loading…</p>}
      {changes && (
        <div class={mayComment ? 'changes-commented' : ''}>
          <Scope.Provider value={agentKey(ref)}>
            <Files {...{ hub, agentId, changes, since, mayComment }} agent={agentKey(ref)} />
          </Scope.Provider>
          {more && (
            <Button disabled={isLoading} onClick={more}>
              Show more files
            </Button>
          )}
        </div>
      )}
      {agent && may('operator') && <SendComments hub={hub} agent={agent} />}
    </article>
  )
}

interface FilesProps {
  hub: HubClient
  agentId: string
  agent: string
  changes: WorkspaceChanges
  since: Since
  mayComment: boolean
}

function Files({ changes, ...props }: FilesProps) {
  const { folders, files } = changes
  const problems = folders.flatMap(({ problem }) => problem ?? [])
  return (
    <>
      {problems.map((problem) => (
        <p key={problem} class="changes-problem">
          {visibleLine(problem, 500)}
        </p>
      ))}
      {files.length === 0 && <Empty title="Nothing has changed.">The folders are unchanged.</Empty>}
      {files.map((file) => (
        <FileOfChanges
          key={`${file.folder} ${file.path}`}
          file={file}
          path={pathOf(file, changes)}
          {...props}
        />
      ))}
    </>
  )
}

/** Returns the path of a file as the agent knows it: relative to its working directory, or absolute. */
const pathOf = ({ folder, path }: ChangedFile, { folders }: WorkspaceChanges) =>
  folder === 0 ? path : `${folders[folder]?.path}/${path}`

/** Loads the list of changed files, one page at a time. */
function useChanges(hub: HubClient, agentId: string, since: string) {
  const [changes, setChanges] = useState<WorkspaceChanges>()
  const [problem, setProblem] = useState<Error & { remedy?: string }>()
  const [isLoading, setLoading] = useState(true)
  const [count, setCount] = useState(0)
  const loads = useRef(0)
  const load = async (before: WorkspaceChanges | undefined) => {
    const own = ++loads.current
    const isCurrent = () => own === loads.current
    setLoading(true)
    const after = before?.next
    try {
      const page = await hub.changes(agentId, { since, stat: true, ...(after !== undefined && { after }) })
      if (!isCurrent()) return
      setProblem(undefined)
      setChanges({ ...page, files: [...(before?.files ?? []), ...page.files] })
    } catch (error) {
      if (!isCurrent()) return
      setProblem(error as Error)
      setChanges(before)
    }
    setLoading(false)
  }
  useEffect(() => {
    setChanges(undefined)
    setProblem(undefined)
    void load(undefined)
    return () => {
      loads.current++
    }
  }, [hub, agentId, since, count])
  return {
    changes,
    problem,
    isLoading,
    reload: () => setCount(count + 1),
    more: changes?.next === undefined ? undefined : () => void load(changes),
  }
}
