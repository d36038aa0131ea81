import { useEffect, useMemo, useState } from 'preact/hooks'
import type { HubAgent } from '../../protocol/hub-objects.ts'
import type { PermissionRequest } from '../../protocol/permission.ts'
import { RequestSheet } from '../ask/request-sheet.tsx'
import { agentKey } from '../fleet/fleet.ts'
import { GROUP_TITLES, groupOf } from '../fleet/groups.ts'
import { ago } from '../parts/ago.ts'
import { Button } from '../parts/button.tsx'
import { Empty } from '../parts/empty.tsx'
import { tellProblem } from '../parts/notices.tsx'
import { now } from '../parts/time.ts'
import { hrefOf, replaceQuery, route } from '../route.ts'
import { hubFor, may } from '../session/session.ts'
import { AgentActions } from './agent-actions.tsx'
import type { AgentRef } from './agent-feed.ts'
import { AgentTabs } from './agent-tabs.tsx'
import { RequestActions, Scope } from './blocks/scope.ts'
import { Composer } from './composer.tsx'
import { ConversationList } from './conversation-list.tsx'
import { Transcript } from './transcript.ts'
import { WaitingBar } from './waiting-bar.tsx'
import './agent-page.css'

/** An agent: its conversation, its open requests, and what a person may do with it. */
export function AgentPage({ machineId, agentId }: { machineId: string; agentId: string }) {
  const { hub, transcript } = useMemo(() => {
    const ref: AgentRef = { machine_id: machineId, agent_id: agentId }
    const hub = hubFor(ref)
    const frame = (run: () => void) => void requestAnimationFrame(run)
    return { hub, transcript: new Transcript(hub, ref, { frame }) }
  }, [machineId, agentId])
  useEffect(() => () => transcript.close(), [transcript])
  const agent = transcript.agent.value
  const connection = transcript.connection.value
  const [asked, ask] = useAsked(agent)
  if (connection.state === 'removed')
    return <Empty title="The hub no longer has this agent.">It was removed. Choose another agent.</Empty>
  if (!agent)
    return <p role="status">{connection.state === 'lost' ? connection.problem.message : 'Loading…'}</p>
  const reviewButton = (request: PermissionRequest) => {
    const pending = agent.pending.find(({ request_id }) => request_id === request.request_id)
    return pending && <Button onClick={() => ask(pending)}>Review</Button>
  }
  return (
    <article class="agent-page">
      <AgentHeader agent={agent} />
      <div class="agent-actions-bar">
        <AgentActions hub={hub} agent={agent} />
      </div>
      {connection.state === 'lost' && (
        <p class="agent-lost" role="status">
          Not live since {ago(new Date(connection.since).toISOString(), now.value)}:{' '}
          {connection.problem.message}
        </p>
      )}
      <Scope.Provider value={agentKey(agent)}>
        <RequestActions.Provider value={reviewButton}>
          <ConversationList transcript={transcript} onProblem={tellProblem} />
        </RequestActions.Provider>
      </Scope.Provider>
      <WaitingBar agent={agent} onOpen={ask} />
      <Composer hub={hub} agent={agent} />
      {asked && (
        <RequestSheet
          hub={hub}
          agent={agent}
          request={asked}
          mayAnswer={may('operator') && !agent.gone}
          onClose={() => ask(undefined)}
        />
      )}
    </article>
  )
}

/**
 * Returns the request that the person has opened. The address may name it (`?request=ID`), as links from
 * elsewhere do. The request stays the same object while the sheet is open, so that the person decides about
 * the request on the screen.
 */
function useAsked(agent: HubAgent | undefined) {
  const [asked, setAsked] = useState<PermissionRequest>()
  const named = route.value.query.get('request')
  const found = agent?.pending.find(({ request_id }) => request_id === named)
  useEffect(() => {
    if (found && !asked) setAsked(found)
  }, [found, asked])
  const ask = (request: PermissionRequest | undefined) => {
    setAsked(request)
    replaceQuery(new URLSearchParams(request ? { request: request.request_id } : {}))
  }
  return [asked, ask] as const
}

function AgentHeader({ agent }: { agent: HubAgent }) {
  const group = groupOf(agent)
  const { machine_id, machine_name, total_cost_usd } = agent
  const facts = [
    agent.worktree?.branch,
    agent.model,
    agent.permission_mode,
    total_cost_usd && `$${total_cost_usd.toFixed(2)}`,
  ]
  return (
    <header class="agent-header">
      <h1>
        <bdi>{agent.title || agent.agent_id}</bdi>
      </h1>
      <p>
        <strong class={`agent-state agent-state-${group}`}>{GROUP_TITLES[group]}</strong>{' '}
        <time dateTime={agent.since}>{ago(agent.since, now.value)}</time> ·{' '}
        <a href={hrefOf(['machines', machine_id])}>
          <bdi>{machine_name ?? machine_id}</bdi>
        </a>
        {!agent.connected && ' (not connected)'} · <bdi>{agent.cwd}</bdi>
        {facts.filter(Boolean).map((fact) => (
          <span key={fact}>
            {' '}
            · <bdi>{fact}</bdi>
          </span>
        ))}
      </p>
      <AgentTrouble agent={agent} />
      <AgentTabs machine_id={machine_id} agent_id={agent.agent_id} current="conversation" />
    </header>
  )
}

/** Obstacles to the agent's work, each with its remedy if there is one. */
function AgentTrouble({ agent }: { agent: HubAgent }) {
  const { failure, turn_failed, turn_interrupted, limited, queued, slow, problems = [] } = agent
  const texts = [
    failure && `${failure.message} ${failure.remedy ?? ''}`,
    turn_failed && `The last turn failed: ${turn_failed.message ?? turn_failed.outcome}`,
    turn_interrupted,
    limited &&
      `The account's usage limit ended the last turn.${limited.until === undefined ? '' : ` It resets ${ago(limited.until, now.value)}.`}`,
    queued && `${queued.reason ?? 'The agent waits for its launch.'} ${queued.remedy ?? ''}`,
    slow?.detail,
    ...problems.map(
      ({ name, status, detail }) => `${name}: ${status}${detail === undefined ? '' : `. ${detail}`}`,
    ),
  ].filter((text) => text !== undefined)
  if (texts.length === 0) return null
  return (
    <ul class="agent-trouble">
      {texts.map((text) => (
        <li key={text} dir="auto">
          {text}
        </li>
      ))}
    </ul>
  )
}
