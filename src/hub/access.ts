import type { Context } from 'hono'
import { matchedRoutes } from 'hono/route'
import { USER_ROLES, type UserRole } from '../protocol/index.ts'

export interface Route {
  /** Least role of the key that the request takes; `anyone` takes none. */
  role: UserRole | 'anyone'
  /** What it orders, for requests that change something. */
  order?: string
}

/** Every request that is answered. One that is not in here is refused, whoever asks. */
export const ROUTES: Record<string, Route> = {
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
  'POST /api/agents/:agent_id/move': { role: 'operator', order: 'agent:move' },

  'POST /api/machines/:machine_id/check': { role: 'admin', order: 'machine:check' },
  'POST /api/machines/:machine_id/restart': { role: 'admin', order: 'daemon:restart' },
  'POST /api/machines/:machine_id/update': { role: 'admin', order: 'daemon:update' },
  'PATCH /api/machines/:machine_id': { role: 'admin', order: 'machine:rename' },
  'DELETE /api/machines/:machine_id': { role: 'admin', order: 'machine:remove' },
  'GET /api/keys': { role: 'admin' },
  'POST /api/keys': { role: 'admin', order: 'key:create' },
  'POST /api/keys/:key_id/bind': { role: 'admin', order: 'key:bind' },
  'POST /api/keys/:key_id/rotate': { role: 'admin', order: 'key:rotate' },
  'DELETE /api/keys/:key_id': { role: 'admin', order: 'key:revoke' },
  'GET /api/enrolments': { role: 'admin' },
  'POST /api/enrolments': { role: 'admin', order: 'token:create' },
  'DELETE /api/enrolments/:token_id': { role: 'admin', order: 'token:cancel' },
}

export const isUserRole = (role: string | undefined): role is UserRole =>
  USER_ROLES.some((each) => each === role)

/** Whether a key of this role may do what takes that one. */
export const covers = (has: UserRole, needs: UserRole) => USER_ROLES.indexOf(has) >= USER_ROLES.indexOf(needs)

/** The request's route: `undefined` where there is none, and `closed` for one that has no place in `ROUTES`. */
export function routeOf(c: Context): Route | 'closed' | undefined {
  // The others are what every request passes through. The first answers.
  const route = matchedRoutes(c).find(({ method }) => method !== 'ALL')
  if (!route) return undefined
  const name = `${route.method} ${route.path}`
  return Object.hasOwn(ROUTES, name) ? ROUTES[name] : 'closed'
}
