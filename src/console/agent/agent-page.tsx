import { useEffect, useMemo, useState } from 'preact/hooks'
import type { FleetAgent } from '../../client/fleet-agent.ts'
import type { PermissionRequest } from '../../protocol/permission.ts'
import { ANSWERED } from '../ask/answered.ts'
import { RequestSheet } from '../ask/later.ts'
import { agentKey, fleet } from '../fleet/fleet.ts'
import { GROUP_TITLES, groupOf } from '../fleet/groups.ts'
import { ago } from '../parts/ago.ts'
import { Button } from '../parts/button.tsx'
import { Empty } from '../parts/empty.tsx'
import { Name } from '../parts/name.tsx'
import { tell, tellProblem } from '../parts/notices.tsx'
import { now } from '../parts/time.ts'
import { useTitle } from '../parts/use-title.ts'
import { visible } from '../parts/visible.ts'
import { whenIdle } from '../parts/when-idle.ts'
import { hrefOf, replaceQuery, route } from '../route.ts'
import { hubFor, may } from '../session/session.ts'
import { AgentActions } from './agent-actions.tsx'
import type { AgentRef } from './agent-feed.ts'
import { AgentTabs } from './agent-tabs.tsx'
import { RequestActions, Scope } from './blocks/scope.ts'
import { Composer } from './composer.tsx'
import { ConversationList } from './conversation-list.tsx'
import { Transcript } from './transcript.ts'
import { useListed } from './use-listed.ts'
import { WaitingBar } from './waiting-bar.tsx'
import './agent-page.css'

/** Time in which a new request arrives whose link the person has opened, in milliseconds. */
const ARRIVAL_MS = 3000

/** An agent: its conversation, its open requests, and what a person may do with it. */
export function AgentPage({ machineId, agentId }: { machineId: string; agentId: string }) {
  const { hub, transcript } = useMemo(() => {
    const ref: AgentRef = { machine_id: machineId, agent_id: agentId }
    const hub = hubFor(ref)
    const frame = (run: () => void) => void requestAnimationFrame(run)
    return { hub, transcript: new Transcript(hub, ref, { frame }) }
  }, [machineId, agentId])
  useEffect(() => () => transcript.close(), [transcript])
  useEffect(() => whenIdle(RequestSheet.preload), [])
  const own = useListed(hub, transcript.agent.value)
  const agent = own ?? fleetAgent({ machine_id: machineId, agent_id: agentId })
  const connection = transcript.connection.value
  useTitle(agent?.title || agentId)
  const { asked, ask, close } = useAsked(agent)
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
        <AgentTabs machine_id={agent.machine_id} agent_id={agent.agent_id} current="conversation" />
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
          <h2 class="unseen">Conversation</h2>
          <ConversationList transcript={transcript} onProblem={tellProblem} />
        </RequestActions.Provider>
      </Scope.Provider>
      <WaitingBar agent={agent} onOpen={ask} />
      {own && <Composer hub={hub} agent={own} />}
      {asked && (
        <RequestSheet
          key={asked.request_id}
          hub={hub}
          agent={agent}
          request={asked}
          mayAnswer={may('operator') && !agent.gone}
          onClose={() => close(asked)}
        />
      )}
    </article>
  )
}

/** Returns an agent's status in the list of all agents, which may arrive before the agent's own stream. */
function fleetAgent(ref: AgentRef): FleetAgent | undefined {
  void fleet.value?.version.value
  return fleet.value?.agents.get(agentKey(ref))
}

/**
 * Returns the request that the person has opened. The address may name it (`?request=ID`), as links from
 * elsewhere do. The request stays the same object while the sheet is open, so that the person decides about
 * the request on the screen.
 */
function useAsked(agent: FleetAgent | undefined) {
  const [asked, setAsked] = useState<PermissionRequest>()
  const named = route.value.query.get('request')
  const found = agent?.pending.find(({ request_id }) => request_id === named)
  const isGone = agent !== undefined && named !== null && !found && asked?.request_id !== named
  useEffect(() => {
    if (found && found.request_id !== asked?.request_id) setAsked(found)
  }, [found, asked])
  useEffect(() => {
    if (!isGone) return
    const timer = setTimeout(() => {
      tell(ANSWERED)
      replaceQuery(new URLSearchParams())
    }, ARRIVAL_MS)
    return () => clearTimeout(timer)
  }, [isGone])
  const ask = (request: PermissionRequest) => {
    setAsked(request)
    replaceQuery(new URLSearchParams({ request: request.request_id }))
  }
  // The person may have opened another request meanwhile.
  const close = (request: PermissionRequest) => {
    setAsked((current) => (current === request ? undefined : current))
    if (route.peek().query.get('request') === request.request_id) replaceQuery(new URLSearchParams())
  }
  return { asked, ask, close }
}

function AgentHeader({ agent }: { agent: FleetAgent }) {
  const group = groupOf(agent)
  const { machine_id, machine_name, total_cost_usd } = agent
  const cost = total_cost_usd ? `$${total_cost_usd.toFixed(2)}` : undefined
  const facts = [agent.worktree?.branch, agent.model, agent.permission_mode, cost].filter(
    (fact) => fact !== undefined,
  )
  return (
    <header class="agent-header">
      <h1>
        <Name text={agent.title || agent.agent_id} />
      </h1>
      <p>
        <strong class={`agent-state agent-state-${group}`}>{GROUP_TITLES[group]}</strong>{' '}
        <time dateTime={agent.since}>{ago(agent.since, now.value)}</time> ·{' '}
        <a href={hrefOf(['machines', machine_id])}>
          <Name text={machine_name ?? machine_id} />
        </a>
        {!agent.connected && ' (not connected)'} · <bdi>{visible(agent.cwd)}</bdi>
        {facts.map((fact) => (
          <span key={fact}>
            {' '}
            · <Name text={fact} />
          </span>
        ))}
      </p>
      <AgentTrouble agent={agent} />
    </header>
  )
}

/** Obstacles to the agent's work, each with its remedy if there is one. */
function AgentTrouble({ agent }: { agent: FleetAgent }) {
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
          {visible(text)}
        </li>
      ))}
    </ul>
  )
}
