import { readFileSync } from 'node:fs'
import { reasonOf, UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import { readAtMost } from '../../platform/read-at-most.ts'
import { type Command, isCommand, Limits, parseFromServer } from '../../protocol/index.ts'
import { readHead } from '../../protocol/object-head.ts'

/** Ids for a command without ids. */
const IDS = { command_id: 'explained', agent_id: 'explained' }

/**
 * Reads a command, or an agent's specification, within the limits of the protocol.
 * @param given path of a file; `-` for standard input
 * @throws UserError
 */
export function readCommand(given: string): Command {
  const name = given === '-' ? 'Standard input' : given
  const parsed = parseFromServer(frameOf(read(given, name)))
  if (parsed.ok && isCommand(parsed.message)) return parsed.message
  const problem = parsed.ok
    ? 'is not a command'
    : parsed.error
      ? `is not a valid command: ${parsed.error.message}`
      : `has the unknown type ${JSON.stringify(parsed.unknownType)}`
  throw invalid(`${name} ${problem.replace(/\.$/, '')}.`)
}

/**
 * Adds missing fields to a command, or to a request to the hub for a new agent. Converts a specification to
 * an `agent:start`.
 */
function frameOf(text: string): string {
  const object = text.trim()
  const head = readHead(new TextEncoder().encode(object), ['type', 'command_id', 'agent_id', 'cwd'])
  const missing = Object.entries(IDS).filter(([key]) => !head.has(key))
  if (head.has('type')) return withFields(object, missing)
  if (!head.has('cwd') && object.includes('"spec"'))
    return withFields(object, [['type', 'agent:start'], ...missing])
  return withFields(`{"spec":${object}}`, [['type', 'agent:start'], ...Object.entries(IDS)])
}

/** Adds fields to an object with at least one field, without parsing it. */
const withFields = (object: string, fields: [string, string][]) =>
  object.replace(/^\{/, `{${fields.map(([key, value]) => `"${key}":"${value}",`).join('')}`)

function read(given: string, name: string): string {
  try {
    if (given !== '-') return readAtMost(given, Limits.frame_bytes).text
    const text = readFileSync(0)
    if (text.length > Limits.frame_bytes) throw new Error(`it is longer than ${Limits.frame_bytes} bytes`)
    return text.toString('utf8')
  } catch (error) {
    throw invalid(`${name} cannot be read: ${reasonOf(error)}.`)
  }
}

const invalid = (message: string) =>
  new UserError('command_invalid', message, {
    remedy: 'Give a command of the protocol, or the specification of an agent, as JSON.',
    exitCode: EXIT.usage,
  })
