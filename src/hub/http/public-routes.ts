import { Hono } from 'hono'
import { VERSION } from '../../platform/version.ts'
import type { Gate } from '../gate/gate.ts'
import type { Journals } from '../store/journals.ts'
import type { Store } from '../store/store.ts'
import { installer, releaseFile } from './releases.ts'
import { overHttp } from './request.ts'

/** `Retry-After` of an unhealthy hub, in seconds. The hub tries to write to its disk every second. */
const HEALTH_RETRY_S = '5'

export interface PublicContext {
  gate: Gate
  journals: Pick<Journals, 'problem'>
  store: Pick<Store, 'durability'>
  /** Folder with releases to install machines from; may be missing. */
  releases: string
}

/** Returns the routes that need no key, except enrollment. */
export function publicRoutes({ gate, journals, store, releases }: PublicContext): Hono {
  const app = new Hono()
  app.get('/health', (c) => {
    const { problem } = journals
    const facts = { version: VERSION, ...(store.durability && { durability: store.durability.level }) }
    return problem
      ? c.json({ ok: false, ...facts, error: problem }, 503, { 'retry-after': HEALTH_RETRY_S })
      : c.json({ ok: true, ...facts })
  })
  app.get('/install.sh', (c) => installer(c, releases))
  app.get('/releases/*', (c) => {
    gate.admitDownload(overHttp(c).incoming)
    return releaseFile(c, releases)
  })
  return app
}
