import { failureText } from '../../../client/run-events.ts'
import { dollars, duration } from '../../../client/units.ts'
import { visibleLine } from '../../parts/visible.ts'
import type { RemarkBlock, SessionBlock, TaskBlock, TurnBlock } from '../block.ts'
import { Fold } from './fold.tsx'
import { Output } from './later.ts'
import './remarks.css'

/** Maximum length of a remark on the page, in characters. Longer remarks can be unfolded. */
const LINE_CHARS = 300

/** A sentence about the conversation, with its details on request. */
export function Remark({ block }: { block: RemarkBlock }) {
  const { key, tone, text, divides } = block
  const look = `remark remark-${tone}${divides ? ' remark-divides' : ''}`
  const line = <bdi>{visibleLine(text, LINE_CHARS)}</bdi>
  const detail = block.detail ?? (text.length > LINE_CHARS ? text : undefined)
  if (detail === undefined) return <p class={look}>{line}</p>
  return (
    <Fold id={key} look={look} summary={line}>
      {() => <Output id={key} text={detail} />}
    </Fold>
  )
}

/** The changes that a new session brings. */
export function Session({ block: { changes, failed_servers } }: { block: SessionBlock }) {
  const facts = new Map(changes)
  const [model, mode, folder] = ['Model', 'Permission mode', 'Folder'].map((name) => facts.get(name))
  const shown = [
    model,
    mode === undefined || (mode === 'default' && model !== undefined) ? undefined : `permission mode ${mode}`,
    folder,
  ].filter((fact) => fact !== undefined)
  const title = changes.map(([name, value]) => `${name}: ${visibleLine(value)}`).join('\n')
  return (
    <>
      {changes.length > 0 && (
        <p class="remark remark-quiet" title={title}>
          <bdi>{shown.length > 0 ? visibleLine(shown.join(' · ')) : 'New session'}</bdi>
        </p>
      )}
      {failed_servers.map((server) => (
        <p key={server} class="remark remark-warning">
          MCP server does not work: <bdi>{visibleLine(server)}</bdi>
        </p>
      ))}
    </>
  )
}

/** A task that no known tool use started. */
export function Task({ block: { task } }: { block: TaskBlock }) {
  const about = visibleLine(task.summary ?? task.description ?? task.task_id)
  return (
    <p class="remark remark-quiet">
      Task {task.phase === 'ended' ? 'ended' : 'started'}: <bdi>{about}</bdi>
    </p>
  )
}

/** The end of a turn, with its outcome, duration, and cost. */
export function Turn({ block: { key, result, cost_usd } }: { block: TurnBlock }) {
  const facts = [
    result.duration_ms === undefined ? undefined : duration(result.duration_ms),
    cost_usd === undefined ? undefined : dollars(cost_usd),
  ].filter((fact) => fact !== undefined)
  const total = result.total_cost_usd
  const title = total === undefined ? undefined : `${dollars(total)} since the process started`
  const isFailed = result.is_error && !result.interrupted
  // If the outcome is a success, the agent has said why the turn failed.
  const failure = isFailed && result.outcome !== 'success' ? failureText(result) : undefined
  const look = isFailed ? 'problem' : result.interrupted ? 'warning' : 'done'
  const words = { problem: '✗ Failed', warning: '■ Interrupted', done: '✓ Done' }[look]
  return (
    <div class={`turn turn-${look}`}>
      <p title={title}>
        <strong>{words}</strong>
        {facts.map((fact) => (
          <span key={fact}>{fact}</span>
        ))}
      </p>
      {failure !== undefined && <Output id={key} text={failure} isError />}
    </div>
  )
}
