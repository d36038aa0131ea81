import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import * as z from 'zod/mini'
import { createLogger } from '../../src/platform/log.ts'
import * as protocol from '../../src/protocol/index.ts'
import { tempDir } from '../support/temp.ts'

const SECRET = 'sk-top-secret'

const WITH_ENV = { cwd: '/', env: { API_TOKEN: SECRET } }

test('an invalid JSON frame is not quoted, because it may contain a secret', () => {
  const command = JSON.stringify({ type: 'agent:start', command_id: 'c', agent_id: 'a', spec: WITH_ENV })
  for (let cut = 1; cut < command.length; cut++)
    for (const frame of [command.slice(0, cut), command.slice(0, cut) + command.slice(cut + 1)]) {
      const parsed = protocol.parseFromServer(frame)
      assert.doesNotMatch(
        JSON.stringify('error' in parsed ? parsed.error : {}),
        /sk-|secret|API_TOKEN/,
        frame,
      )
    }
})

test('every field that the protocol marks as secret is hidden in logs, at any depth', (t) => {
  const file = join(tempDir(t), 'log')
  const logger = createLogger({ level: 'info', file, stderr: 'none' })
  const names = Object.values(protocol as Record<string, unknown>).flatMap((each) =>
    typeof each === 'object' && each !== null && '_zod' in each ? secretNames(each as z.ZodMiniType) : [],
  )
  const marked = [
    ...new Set([...names, ...Object.values(protocol.Commands).flatMap((each) => secretNames(each))]),
  ]
  assert.ok(marked.includes('env') && marked.includes('mcp_servers') && marked.includes('token'))
  for (const name of marked) {
    logger.info({ [name]: { A: 'sk-1' }, at: { some: { deeper: [{ place: { [name]: 'sk-2' } }] } } }, 'x')
    logger.error({ err: Object.assign(new Error('x'), { [name]: 'sk-3' }) }, 'x')
  }
  assert.doesNotMatch(readFileSync(file, 'utf8'), /sk-/)
})

/** Returns the names of the fields that a schema marks as secret, at any depth. */
function secretNames(schema: z.core.$ZodType, name = ''): string[] {
  if (z.globalRegistry.get(schema)?.writeOnly) return [name]
  const { def } = (schema as z.core.$ZodTypes)._zod
  switch (def.type) {
    case 'optional':
    case 'default':
    case 'nullable':
    case 'catch':
      return secretNames(def.innerType, name)
    case 'pipe':
      return [...secretNames(def.in, name), ...secretNames(def.out, name)]
    case 'object':
      return Object.entries(def.shape).flatMap(([field, of]) => secretNames(of, field))
    case 'array':
      return secretNames(def.element, name)
    case 'record':
      return secretNames(def.valueType, name)
    case 'union':
      return def.options.flatMap((option) => secretNames(option, name))
    default:
      return []
  }
}
