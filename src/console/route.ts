import { computed, signal } from '@preact/signals'
import { hrefOf } from './href.ts'

export { hrefOf }

/** The address of a page: the part of the URL after `#`. */
export interface Route {
  /** Parts of the path, decoded. The start page has none. */
  path: string[]
  query: URLSearchParams
}

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
export const route = computed(() => parseRoute(hash.value))

function parseRoute(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split(/\?(.*)/s)
  return { path: path.split('/').filter(Boolean).map(decode), query: new URLSearchParams(query) }
}

/** Returns the link to an agent. */
export const agentHref = (agent: { machine_id: string; agent_id: string }) =>
  hrefOf(['agents', agent.machine_id, agent.agent_id])

/** Changes the query of the current page without a new entry in the browser's history. */
export function replaceQuery(query: URLSearchParams) {
  history.replaceState(null, '', hrefOf(route.value.path, query))
  hash.value = location.hash
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}
