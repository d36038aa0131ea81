import { randomUUID } from 'node:crypto'
import { type Context, Hono } from 'hono'
import { boundedJson } from '../../protocol/bounded-json.ts'
import { Commands as Schemas } from '../../protocol/index.ts'
import type { Readings } from '../registry/readings.ts'
import { callerOf } from './caller.ts'
import type { Lookup } from './lookup.ts'
import { flag, once } from './query.ts'
import { longJson } from './readable-json.ts'
import { parse } from './request.ts'
import { checkSigned } from './signed-order.ts'

export interface WorkspaceContext {
  readings: Readings
  lookup: Lookup
}

/** Returns the routes below `/api/agents` that read the folders of agents. */
export function workspaceRoutes({ readings, lookup }: WorkspaceContext): Hono {
  const app = new Hono()

  app.get('/:agent_id/changes', async (c) => {
    const { machineId, ...about } = aboutAgent(c, lookup)
    const command = parse(Schemas['workspace:diff'], {
      type: 'workspace:diff',
      ...about,
      since: once(c, 'since'),
      stat: flag(c, 'stat'),
      after: once(c, 'after'),
      paths: c.req.queries('path'),
    })
    checkSigned(command)
    return longJson(c, await readings.read<'workspace:diff'>(machineId, command))
  })

  app.get('/:agent_id/file', async (c) => {
    const { machineId, ...about } = aboutAgent(c, lookup)
    const command = parse(Schemas['workspace:file'], {
      type: 'workspace:file',
      ...about,
      path: once(c, 'path') ?? '',
      folder: once(c, 'folder'),
      from_line: numberIn(c, 'from_line'),
      lines: numberIn(c, 'lines'),
    })
    checkSigned(command)
    return longJson(c, await readings.read<'workspace:file'>(machineId, command))
  })
  return app
}

function aboutAgent(c: Context, lookup: Lookup) {
  const agent_id = c.req.param('agent_id') ?? ''
  const signed = once(c, 'signed')
  return {
    machineId: lookup.machineOf(c, agent_id),
    agent_id,
    command_id: once(c, 'command_id') ?? randomUUID(),
    by: callerOf(c)?.name,
    ...(signed !== undefined && { signed: boundedJson(signed) }),
  }
}

/** Returns a query parameter as a number, which the command's schema checks. */
function numberIn(c: Context, name: string): number | undefined {
  const text = once(c, name)
  return text === undefined ? undefined : Number(text)
}
