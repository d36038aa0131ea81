import type { Context } from 'hono'
import { matchedRoutes } from 'hono/route'
import type * as z from 'zod/mini'
import {
  BindRequest,
  BlockRequest,
  EnrolmentRequest,
  KeyRequest,
  MoveRequest,
  PlaceRequest,
  PushSettings,
  RenameRequest,
  RolloutRequest,
  type UserRole,
} from '../../protocol/index.ts'

export interface Route {
  /** Minimum role of the user key; `anyone` needs no key. */
  role: UserRole | 'anyone'
  /** Action in the audit log, for requests that change something: a command type or another name. */
  order?: string
  /** True for files of the console, which are not part of the API. */
  isPage?: true
  /** Schema of the body, for requests that do not give a command. */
  body?: z.ZodMiniObject
}

/** The route of a request. */
export interface Found extends Route {
  /** Key in `ROUTES`. */
  name: string
  /** Pattern of the path. */
  path: string
}

/** All routes that the hub serves. The hub refuses requests to any other route, for every role. */
export const ROUTES: Readonly<Record<string, Route>> = {
  'GET /health': { role: 'anyone' },
  'GET /install.sh': { role: 'anyone' },
  'GET /releases/*': { role: 'anyone' },
  'GET /': { role: 'anyone', isPage: true },
  'GET /assets/:name': { role: 'anyone', isPage: true },
  'GET /icon.svg': { role: 'anyone', isPage: true },
  'GET /icon-192.png': { role: 'anyone', isPage: true },
  'GET /icon-512.png': { role: 'anyone', isPage: true },
  'GET /worker.js': { role: 'anyone', isPage: true },
  'GET /manifest.webmanifest': { role: 'anyone', isPage: true },
  'POST /enroll': { role: 'anyone', order: 'machine:enroll' },
  'POST /enroll/check': { role: 'anyone' },
  'POST /sign-in': { role: 'anyone', order: 'session:create' },

  'GET /metrics': { role: 'viewer' },

  'GET /api/me': { role: 'viewer' },
  'GET /api/sessions': { role: 'viewer' },
  'POST /api/sessions': { role: 'viewer', order: 'session:create' },
  'DELETE /api/sessions/:session_id': { role: 'viewer', order: 'session:end' },
  'POST /api/sign-in-tokens': { role: 'viewer', order: 'session:invite' },
  'GET /api/push': { role: 'viewer' },
  'PATCH /api/push': { role: 'viewer', order: 'push:configure', body: PushSettings },
  'POST /api/push/subscriptions': { role: 'viewer', order: 'push:subscribe' },
  'DELETE /api/push/subscriptions/:subscription_id': { role: 'viewer', order: 'push:unsubscribe' },

  'GET /api/machines': { role: 'viewer' },
  'GET /api/agents': { role: 'viewer' },
  'GET /api/agents/:agent_id': { role: 'viewer' },
  'GET /api/agents/:agent_id/events': { role: 'viewer' },
  'GET /api/agents/:agent_id/stream': { role: 'viewer' },
  'GET /api/agents/:agent_id/changes': { role: 'viewer' },
  'GET /api/agents/:agent_id/file': { role: 'viewer' },
  'GET /api/stream': { role: 'viewer' },
  'GET /api/commands/:command_id': { role: 'viewer' },

  'POST /api/agents': { role: 'operator', order: 'agent:start' },
  'POST /api/agents/:agent_id/prompt': { role: 'operator', order: 'agent:prompt' },
  'POST /api/agents/:agent_id/interrupt': { role: 'operator', order: 'agent:interrupt' },
  'POST /api/agents/:agent_id/withdraw': { role: 'operator', order: 'agent:withdraw' },
  'POST /api/agents/:agent_id/permission': { role: 'operator', order: 'agent:permission' },
  'POST /api/agents/:agent_id/answer': { role: 'operator', order: 'agent:answer' },
  'POST /api/agents/:agent_id/configure': { role: 'operator', order: 'agent:configure' },
  'POST /api/agents/:agent_id/stop': { role: 'operator', order: 'agent:stop' },
  'POST /api/agents/:agent_id/resume': { role: 'operator', order: 'agent:resume' },
  'POST /api/agents/:agent_id/merge': { role: 'operator', order: 'agent:merge' },
  'POST /api/agents/:agent_id/discard': { role: 'operator', order: 'agent:discard' },
  'POST /api/agents/:agent_id/remove': { role: 'operator', order: 'agent:remove' },
  'POST /api/agents/:agent_id/move': { role: 'operator', order: 'agent:move', body: MoveRequest },

  'POST /api/machines/:machine_id/check': { role: 'admin', order: 'machine:check' },
  'POST /api/machines/:machine_id/restart': { role: 'admin', order: 'daemon:restart' },
  'POST /api/machines/:machine_id/update': { role: 'admin', order: 'daemon:update' },
  'PATCH /api/machines/:machine_id': { role: 'admin', order: 'machine:rename', body: RenameRequest },
  'POST /api/machines/:machine_id/place': { role: 'admin', order: 'machine:place', body: PlaceRequest },
  'DELETE /api/machines/:machine_id': { role: 'admin', order: 'machine:remove' },
  'GET /api/rollouts': { role: 'viewer' },
  'GET /api/rollouts/:rollout_id': { role: 'viewer' },
  'POST /api/rollouts': { role: 'admin', order: 'rollout:begin', body: RolloutRequest },
  'POST /api/rollouts/:rollout_id/pause': { role: 'admin', order: 'rollout:pause' },
  'POST /api/rollouts/:rollout_id/resume': { role: 'admin', order: 'rollout:resume' },
  'POST /api/rollouts/:rollout_id/roll-back': { role: 'admin', order: 'rollout:roll-back' },
  'POST /api/rollouts/:rollout_id/cancel': { role: 'admin', order: 'rollout:cancel' },
  'GET /api/blocked-versions': { role: 'viewer' },
  'POST /api/blocked-versions/:version': { role: 'admin', order: 'version:block', body: BlockRequest },
  'DELETE /api/blocked-versions/:version': { role: 'admin', order: 'version:unblock' },
  'GET /api/keys': { role: 'admin' },
  'POST /api/keys': { role: 'admin', order: 'key:create', body: KeyRequest },
  'POST /api/keys/:key_id/bind': { role: 'admin', order: 'key:bind', body: BindRequest },
  'POST /api/keys/:key_id/rotate': { role: 'admin', order: 'key:rotate' },
  'DELETE /api/keys/:key_id': { role: 'admin', order: 'key:revoke' },
  'GET /api/audit': { role: 'admin' },
  'GET /api/enrolments': { role: 'admin' },
  'POST /api/enrolments': { role: 'admin', order: 'token:create', body: EnrolmentRequest },
  'DELETE /api/enrolments/:token_id': { role: 'admin', order: 'token:cancel' },
}

/**
 * Returns the route of a request: `undefined` if the path has none, `closed` if the route is not in `ROUTES`.
 */
export function routeOf(c: Context): Found | 'closed' | undefined {
  // Routes with the method ALL are middleware.
  const route = matchedRoutes(c).find(({ method }) => method !== 'ALL')
  if (!route) return undefined
  const { path } = route
  const name = `${route.method} ${path}`
  return Object.hasOwn(ROUTES, name) ? { ...ROUTES[name]!, name, path } : 'closed'
}

/**
 * Returns the path parameters of a request. Unlike `c.req.param`, this function also works in middleware that
 * runs before the route.
 */
export function paramsOf(c: Context, { path }: Found): Record<string, string> {
  const parts = c.req.path.split('/')
  return Object.fromEntries(
    path.split('/').flatMap((pattern, at) => {
      const [, name] = /^:(\w+)$/.exec(pattern) ?? []
      return name === undefined ? [] : [[name, decoded(parts[at] ?? '')]]
    }),
  )
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}
