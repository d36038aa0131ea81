import { computed, signal } from '@preact/signals'
import { hrefOf } from './href.ts'
import { routeIn } from './route-in.ts'

export { hrefOf }

const hash = signal(location.hash)
let isByLink = false
addEventListener('click', ({ target }) => {
  isByLink = target instanceof Element && target.closest('a') !== null
})
addEventListener('hashchange', () => {
  hash.value = location.hash
  // On the way back, the browser itself restores the place on the page.
  if (isByLink) scrollTo(0, 0)
  isByLink = false
})

/** The current page. */
export const route = computed(() => routeIn(hash.value))

/** Returns the link to an agent. */
export const agentHref = (agent: { machine_id: string; agent_id: string }) =>
  hrefOf(['agents', agent.machine_id, agent.agent_id])

/** Changes the query of the current page without a new entry in the browser's history. */
export function replaceQuery(query: URLSearchParams) {
  history.replaceState(null, '', hrefOf(route.value.path, query))
  hash.value = location.hash
}
