import type { Context } from 'hono'
import { matchedRoutes } from 'hono/route'
import type * as z from 'zod/mini'
import {
  BindRequest,
  EnrolmentRequest,
  KeyRequest,
  MoveRequest,
  RenameRequest,
  USER_ROLES,
  type UserRole,
} from '../protocol/index.ts'

export interface Route {
  /** Least role of the key that the request takes; `anyone` takes none. */
  role: UserRole | 'anyone'
  /** What it orders, for requests that change something: a command's type, or another name for the audit log. */
  order?: string
  /** What its body is, where it orders no command. */
  body?: z.ZodMiniObject
}

/** A route as a request has found it. */
export interface Found extends Route {
  /** As in `ROUTES`. */
  name: string
  /** Pattern of its path. */
  path: string
}

/** Every request that is answered. One that is not in here is refused, whoever asks. */
export const ROUTES: Readonly<Record<string, Route>> = {
  'GET /health': { role: 'anyone' },
  'GET /install.sh': { role: 'anyone' },
  'GET /releases/*': { role: 'anyone' },
  'POST /enroll': { role: 'anyone', order: 'machine:enroll' },
  'POST /enroll/check': { role: 'anyone' },

  'GET /api/machines': { role: 'viewer' },
  'GET /api/agents': { role: 'viewer' },
  'GET /api/agents/:agent_id': { role: 'viewer' },
  'GET /api/agents/:agent_id/events': { role: 'viewer' },
  'GET /api/agents/:agent_id/stream': { role: 'viewer' },
  'GET /api/stream': { role: 'viewer' },
  'GET /api/commands/:command_id': { role: 'viewer' },

  'POST /api/agents': { role: 'operator', order: 'agent:start' },
  'POST /api/agents/:agent_id/prompt': { role: 'operator', order: 'agent:prompt' },
  'POST /api/agents/:agent_id/interrupt': { role: 'operator', order: 'agent:interrupt' },
  'POST /api/agents/:agent_id/permission': { role: 'operator', order: 'agent:permission' },
  'POST /api/agents/:agent_id/answer': { role: 'operator', order: 'agent:answer' },
  'POST /api/agents/:agent_id/configure': { role: 'operator', order: 'agent:configure' },
  'POST /api/agents/:agent_id/stop': { role: 'operator', order: 'agent:stop' },
  'POST /api/agents/:agent_id/resume': { role: 'operator', order: 'agent:resume' },
  'POST /api/agents/:agent_id/remove': { role: 'operator', order: 'agent:remove' },
  'POST /api/agents/:agent_id/move': { role: 'operator', order: 'agent:move', body: MoveRequest },

  'POST /api/machines/:machine_id/check': { role: 'admin', order: 'machine:check' },
  'POST /api/machines/:machine_id/restart': { role: 'admin', order: 'daemon:restart' },
  'POST /api/machines/:machine_id/update': { role: 'admin', order: 'daemon:update' },
  'PATCH /api/machines/:machine_id': { role: 'admin', order: 'machine:rename', body: RenameRequest },
  'DELETE /api/machines/:machine_id': { role: 'admin', order: 'machine:remove' },
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

export const isUserRole = (role: string | undefined): role is UserRole =>
  USER_ROLES.some((each) => each === role)

/** Whether a key of this role may do what takes that one. */
export const covers = (has: UserRole, needs: UserRole) => USER_ROLES.indexOf(has) >= USER_ROLES.indexOf(needs)

/** The request's route: `undefined` where there is none, and `closed` for one that has no place in `ROUTES`. */
export function routeOf(c: Context): Found | 'closed' | undefined {
  // The others are what every request passes through. The first answers.
  const route = matchedRoutes(c).find(({ method }) => method !== 'ALL')
  if (!route) return undefined
  const { path } = route
  const name = `${route.method} ${path}`
  return Object.hasOwn(ROUTES, name) ? { ...ROUTES[name]!, name, path } : 'closed'
}

/** What the path of a request names. Unlike `c.req.param`, also before the route has been reached. */
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
