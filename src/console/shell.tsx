import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { fleet } from './fleet/fleet.ts'
import { ago } from './parts/ago.ts'
import { focusPage } from './parts/focus-page.ts'
import { now } from './parts/time.ts'
import { useTitle } from './parts/use-title.ts'
import { hrefOf, route } from './route.ts'
import { Person } from './session/person.tsx'
import { may } from './session/session.ts'
import './shell.css'

const LINKS: { path: string[]; text: string; role: 'viewer' | 'admin' }[] = [
  { path: [], text: 'Fleet', role: 'viewer' },
  { path: ['rollouts'], text: 'Rollouts', role: 'viewer' },
  { path: ['keys'], text: 'Keys', role: 'admin' },
  { path: ['audit'], text: 'Audit', role: 'admin' },
  { path: ['sessions'], text: 'Sessions', role: 'viewer' },
  { path: ['notifications'], text: 'Notifications', role: 'viewer' },
]

/** The frame around every page: navigation, who is signed in, and whether the page is live. */
export function Shell({ page, children }: { page: string; children: ComponentChildren }) {
  const path = route.value.path.join('/')
  const shown = useRef(path)
  useEffect(() => {
    if (shown.current === path) return
    shown.current = path
    focusPage()
  }, [path])
  useTitle(LINKS.find(({ path }) => (path[0] ?? '') === page)?.text ?? page)
  return (
    <div class="shell">
      <header class="shell-bar">
        <a class="shell-home" href={hrefOf([])}>
          FomularOS
        </a>
        <nav aria-label="Pages">
          {LINKS.filter(({ role }) => may(role)).map(({ path, text }) => (
            <a key={text} href={hrefOf(path)} aria-current={(path[0] ?? '') === page ? 'page' : undefined}>
              {text}
            </a>
          ))}
        </nav>
        <Person />
      </header>
      <Connection />
      <main class="shell-page" tabIndex={-1}>
        {children}
      </main>
    </div>
  )
}

/** Says that the page is not live, and since when. */
function Connection() {
  const live = fleet.value?.live.value
  if (live?.state !== 'lost') return null
  return (
    <p class="shell-lost" role="status">
      Not live: the connection to the hub was lost {ago(new Date(live.since).toISOString(), now.value)}.
      Connecting again…
    </p>
  )
}
