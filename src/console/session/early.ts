import { eventsBeforeAddress, fleetStreamAddress } from '../../client/addresses.ts'
import { FLEET_REQUEST } from '../../client/fleet-request.ts'
import { SESSION_HEADER } from '../../protocol/session-header.ts'
import { FIRST_EVENTS } from '../agent/first-events.ts'
import { routeIn } from '../route-in.ts'
import { earlyRequests } from './early-requests.ts'
import { HUB_URL, stored } from './hub-url.ts'
import { tokenIn } from './token-in.ts'

/**
 * Asks the hub for what the first page shows. The page loads this small script first, so that the hub answers while
 * the other code arrives.
 */
function askEarly() {
  const { hash } = location
  const { value: secret } = stored
  // A token begins another session.
  if (secret === undefined || tokenIn(hash) !== undefined) return
  const ask = (address: string, headers = {}) =>
    earlyRequests.send(HUB_URL + address, { [SESSION_HEADER]: secret, ...headers })
  ask('/api/me')
  ask(fleetStreamAddress(FLEET_REQUEST), { accept: 'text/event-stream' })
  const [page, machine_id, agent_id, part] = routeIn(hash).path
  if (page !== 'agents' || agent_id === undefined || part !== undefined) return
  ask(eventsBeforeAddress({ agent_id, machine_id }, undefined, FIRST_EVENTS))
  loadAgentPage()
}

/** Loads all scripts of an agent's page, whose paths are in the page, at the same time. */
function loadAgentPage() {
  const paths = document.querySelector<HTMLMetaElement>('meta[name="agent-page"]')?.content.split(' ') ?? []
  for (const href of paths)
    document.head.append(Object.assign(document.createElement('link'), { rel: 'modulepreload', href }))
}

askEarly()
