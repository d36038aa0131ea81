import type { ComponentChildren } from 'preact'
import { useContext, useEffect } from 'preact/hooks'
import { resultText } from '../../../client/tool-fields.ts'
import { visibleLine } from '../../parts/visible.ts'
import type { Answer, Block, ToolBlock } from '../block.ts'
import { Fold } from './fold.tsx'
import { Icon } from './icon.tsx'
import { preloadContent, Result, ToolContent } from './later.ts'
import { Markdown } from './markdown.tsx'
import { RequestActions } from './scope.ts'
import { aboutOf, iconOf, nameOf } from './tool-facts.ts'
import './tool.css'

/** Tools whose input is for people to read. */
const OPEN = new Set(['AskUserQuestion', 'ExitPlanMode'])

interface ToolProps {
  block: ToolBlock
  /** Shows the blocks of a sub-agent. */
  inner: (blocks: readonly Block[]) => ComponentChildren
}

/** A use of a tool: one line, and everything about it on request. */
export function Tool({ block, inner }: ToolProps) {
  const { key, tool, request, answer, state } = block
  const actions = useContext(RequestActions)
  useEffect(preloadContent, [])
  const icon = iconOf(tool)
  const isWaiting = answer === 'waiting'
  const summary = (
    <>
      <Icon name={icon} />
      <strong>{nameOf(tool)}</strong>
      <bdi class={icon === 'agent' || icon === 'list' ? 'tool-about' : 'tool-about tool-mono'}>
        {aboutOf(block)}
      </bdi>
      <State block={block} />
    </>
  )
  return (
    <div class={`tool tool-${isWaiting ? 'waiting' : state}`}>
      {/* A request that starts to wait unfolds its tool use. */}
      <Fold
        key={isWaiting ? 'waiting' : 'usual'}
        id={isWaiting ? `${key} waiting` : key}
        isOpen={isWaiting || OPEN.has(tool ?? '')}
        summary={summary}
      >
        {() => (
          <>
            {request?.reason !== undefined && isWaiting && (
              <p class="tool-note" dir="auto">
                {visibleLine(request.reason, 1000)}
              </p>
            )}
            <ToolContent block={block} />
            {block.inner.length > 0 && inner(block.inner)}
            {icon === 'agent' && <SubagentResult block={block} />}
          </>
        )}
      </Fold>
      {state === 'failed' && <FailureLine block={block} />}
      {isWaiting && request && actions(request)}
    </div>
  )
}

const ANSWERS: Partial<Record<Answer, string>> = {
  waiting: 'Waits for an answer',
  denied: 'Denied',
  withdrawn: 'Withdrawn',
  unanswered: 'Not answered',
}

/** The state of a tool use. Nothing is said about tool uses that succeeded. */
function State({ block }: { block: ToolBlock }) {
  const { answer, state, elapsed_s, inner_tools, inner_waiting } = block
  const words = [
    inner_tools > 0 ? `${inner_tools} tool ${inner_tools === 1 ? 'use' : 'uses'}` : undefined,
    inner_waiting > 0 ? ANSWERS.waiting : undefined,
    answer === undefined ? undefined : ANSWERS[answer],
  ].filter((word) => word !== undefined)
  if (state === 'running' && answer !== 'waiting')
    words.push(elapsed_s === undefined ? 'Running' : `Running for ${Math.round(elapsed_s)} s`)
  if (state === 'failed' && answer !== 'denied' && answer !== 'withdrawn') words.push('Failed')
  if (state === 'unfinished' && words.length === 0) words.push('Not finished')
  return words.length === 0 ? null : <span class="tool-state">{words.join(', ')}</span>
}

/** The beginning of a failure, so that people need not unfold it. */
function FailureLine({ block }: { block: ToolBlock }) {
  const { result, denial } = block
  const text = denial ?? (result ? resultText(result.content) : '')
  const line = visibleLine(text.replace(/<\/?tool_use_error>/g, ''), 160)
  return line === '' ? null : (
    <p class="tool-failure">
      <bdi>{line}</bdi>
    </p>
  )
}

function SubagentResult({ block }: { block: ToolBlock }) {
  const { result } = block
  if (!result) return null
  if (result.is_error) return <Result block={block} />
  return <Markdown text={resultText(result.content)} />
}
