/**
 * Speaks Claude Code's stream-json. It understands these prompts, and repeats every other prompt:
 *
 *     emit N BYTES [DELAY_MS]   N texts of BYTES characters, each beginning with its number, DELAY_MS apart
 *     ask                       asks for permission, waits, and prints "allowed" or "denied: MESSAGE"
 *     ask QUESTION              asks QUESTION with the choices Yes and No, waits, and prints the answer
 *     request SUBTYPE [DELAY]   sends an unknown request after DELAY ms, and prints the number of refusals
 *     exit CODE                 ends at once
 *     tear                      writes the first half of a line, and nothing else
 *     line JSON                 writes that line
 *     run COMMAND               starts a shell command in a separate session, without waiting
 *     hang                      runs a turn until it is interrupted
 *     deaf                      runs a turn forever, and ignores everything but SIGKILL
 *     /clear                    continues in a new session
 *
 * Its memory is a folder in its HOME. If the memory has a file `broken`, the agent does not start, and prints
 * the file's text as the reason. While the memory has a file `slow`, the start does not finish. Like the real
 * Claude Code, the agent remembers the answered prompts of a session, and does not answer them again after a
 * resume. It refuses to resume an unknown session, names the new session if it fails to start, records its
 * open session, and ends on a line that is not JSON.
 */
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

const args = process.argv.slice(2)
const flag = (name: string) =>
  args.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3) ?? undefined

if (args.includes('--version')) {
  console.log('2.1.330 (Claude Code)')
  process.exit(0)
}
if (args[0] === 'auth') {
  console.log(JSON.stringify({ loggedIn: true, authMethod: 'api_key', loginExpiresAt: null }))
  process.exit(0)
}

let session_id = args.includes('--fork-session')
  ? randomUUID()
  : (flag('session-id') ?? flag('resume') ?? randomUUID())
const memory = join(homedir(), '.fake-agent')
mkdirSync(memory, { recursive: true })
const answered = new Set(remembered())

function remembered(): string[] {
  try {
    return readFileSync(join(memory, flag('resume') ?? session_id), 'utf8').split('\n')
  } catch {
    if (flag('resume') === undefined) return []
    return notStarted(`No conversation found with session ID: ${flag('resume')}`)
  }
}

function notStarted(why: string): never {
  process.stderr.write(`${why}\n`)
  const result = { type: 'result', subtype: 'error_during_execution', is_error: true, errors: [why] }
  writeSync(1, `${JSON.stringify({ ...result, num_turns: 0, total_cost_usd: 0, session_id })}\n`)
  process.exit(1)
}

if (existsSync(join(memory, 'broken'))) notStarted(readFileSync(join(memory, 'broken'), 'utf8'))
while (existsSync(join(memory, 'slow'))) await sleep(50)

const records = join(process.env.CLAUDE_CONFIG_DIR ?? join(homedir(), '.claude'), 'sessions')
const record = join(records, `${process.pid}.json`)
mkdirSync(records, { recursive: true })
process.on('exit', () => rmSync(record, { force: true }))

function open() {
  const procStart = readFileSync('/proc/self/stat', 'latin1').split(') ')[1]!.split(' ')[19]
  writeFileSync(record, JSON.stringify({ pid: process.pid, sessionId: session_id, procStart }))
}

function clear() {
  const id = randomUUID()
  out({ type: 'conversation_reset', new_conversation_id: id, trigger: 'clear' })
  session_id = randomUUID()
  open()
}
open()

let model = flag('model') ?? 'fake-model'
let permission_mode = flag('permission-mode') ?? 'default'

interface Prompt {
  uuid: string
  text: string
}
const queue: Prompt[] = []
let turn: AbortController | undefined
const waiting = new Map<string, (decision: Decision) => void>()

function out(line: object) {
  const bytes = Buffer.from(`${JSON.stringify({ ...line, session_id, uuid: randomUUID() })}\n`)
  for (let done = 0; done < bytes.length; ) done += writeSync(1, bytes, done)
}
const state = (name: string) => out({ type: 'system', subtype: 'session_state_changed', state: name })
const lifecycle = (uuid: string, name: string) =>
  out({ type: 'command_lifecycle', command_uuid: uuid, state: name })
const say = (text: string) =>
  out({
    type: 'assistant',
    message: { id: `msg_${randomUUID()}`, role: 'assistant', model, content: [{ type: 'text', text }] },
    parent_tool_use_id: null,
  })
const replay = ({ uuid, text }: Prompt) => {
  const line = { type: 'user', message: { role: 'user', content: text }, parent_tool_use_id: null }
  writeSync(1, `${JSON.stringify({ ...line, session_id, uuid, isReplay: true })}\n`)
}

async function work() {
  if (turn) return
  state('running')
  for (let prompt = queue.shift(); prompt; prompt = queue.shift()) {
    turn = new AbortController()
    lifecycle(prompt.uuid, 'started')
    if (prompt.text === '/clear') clear()
    out({
      type: 'system',
      subtype: 'init',
      cwd: process.cwd(),
      tools: ['Bash'],
      mcp_servers: [],
      model,
      permissionMode: permission_mode,
      claude_code_version: '2.1.330',
    })
    replay(prompt)
    const result = await answer(prompt.text, turn.signal)
    const interrupted = turn.signal.aborted
    appendFileSync(join(memory, session_id), `${prompt.uuid}\n`)
    answered.add(prompt.uuid)
    out({
      type: 'result',
      subtype: interrupted ? 'error_during_execution' : 'success',
      is_error: interrupted,
      ...(interrupted ? { errors: ['interrupted'] } : { result }),
      num_turns: 1,
      duration_ms: 1,
      total_cost_usd: 0,
      terminal_reason: interrupted ? 'aborted_streaming' : 'completed',
      user_message_uuids: [prompt.uuid],
      permission_denials: [],
    })
    lifecycle(prompt.uuid, interrupted ? 'cancelled' : 'completed')
  }
  turn = undefined
  state('idle')
}

async function answer(text: string, signal: AbortSignal): Promise<string> {
  const [verb, first, second, third] = text.split(' ')
  if (verb === 'exit') process.exit(Number(first))
  if (verb === 'run') {
    spawn('/bin/sh', ['-c', text.slice(4)], { detached: true, stdio: 'ignore' }).unref()
    return 'started'
  }
  if (verb === 'line') out(JSON.parse(text.slice(5)))
  if (verb === 'tear') {
    writeSync(1, '{"type":"assistant","message":{"id":"torn","role":"assi')
    return new Promise(() => {})
  }
  if (verb === 'deaf') {
    process.removeAllListeners('SIGTERM').on('SIGTERM', () => {})
    lines.removeAllListeners('line')
    return new Promise(() => {})
  }
  if (verb === 'hang' || verb === 'ask') {
    const decided = verb === 'ask' ? ask(signal, text.slice(4)) : new Promise<never>(() => {})
    const stopped = new Promise<string>((resolve) =>
      signal.addEventListener('abort', () => resolve('interrupted'), { once: true }),
    )
    const said = await Promise.race([decided, stopped])
    if (!signal.aborted) say(said)
    return said
  }
  if (verb === 'request') {
    await sleep(Number(second ?? 0))
    const said = `${first}: refused ${await refusals(first ?? '')}`
    say(said)
    return said
  }
  if (verb === 'emit') {
    const bytes = Number(second)
    for (let i = 0; i < Number(first) && !signal.aborted; i++) {
      say(`${i} `.padEnd(bytes, 'x'))
      // Waits, so that the program can read interrupts.
      if (third !== undefined || i % 100 === 99) await sleep(Number(third ?? 0))
    }
    return `emitted ${first}`
  }
  say(text)
  return text
}

/** Number of refusals of each control request, by the request's id. */
const refused = new Map<string, number>()

async function refusals(subtype: string): Promise<number> {
  const request_id = randomUUID()
  refused.set(request_id, 0)
  out({ type: 'control_request', request_id, request: { subtype } })
  while (refused.get(request_id) === 0) await sleep(20)
  // Leaves time for a second, unwanted response.
  await sleep(300)
  return refused.get(request_id)!
}

interface Decision {
  behavior: string
  message?: string
  updatedInput?: { answers?: Record<string, string> }
}

async function ask(signal: AbortSignal, question: string): Promise<string> {
  const request_id = randomUUID()
  const tool_use_id = `toolu_${randomUUID()}`
  const options = ['Yes', 'No'].map((label) => ({ label, description: `Say ${label}` }))
  const questions = [{ question, header: 'Q', options, multiSelect: false }]
  const tool_name = question ? 'AskUserQuestion' : 'Bash'
  const input = question ? { questions } : { command: 'true' }
  const content = [{ type: 'tool_use', id: tool_use_id, name: tool_name, input }]
  out({ type: 'assistant', message: { id: `msg_${randomUUID()}`, role: 'assistant', model, content } })
  state('requires_action')
  const request = {
    subtype: 'can_use_tool',
    tool_name,
    input,
    description: 'do nothing',
    tool_use_id,
  }
  out({ type: 'control_request', request_id, request: { ...request, permission_suggestions: [] } })
  signal.addEventListener('abort', () => {
    if (waiting.delete(request_id)) out({ type: 'control_cancel_request', request_id })
  })
  const { behavior, message, updatedInput } = await new Promise<Decision>((resolve) =>
    waiting.set(request_id, resolve),
  )
  state('running')
  const is_error = behavior !== 'allow'
  const result = { type: 'tool_result', tool_use_id, is_error, content: is_error ? message : 'ok' }
  out({ type: 'user', message: { role: 'user', content: [result] }, parent_tool_use_id: null })
  return is_error ? `denied: ${message}` : (updatedInput?.answers?.[question] ?? 'allowed')
}

const MODES = ['acceptEdits', 'auto', 'bypassPermissions', 'default', 'dontAsk', 'plan']

interface Control {
  subtype: string
  model?: string
  mode?: string
  cancel_queued?: boolean
}

function control(request_id: string, request: Control) {
  const reply = (response: object) =>
    out({ type: 'control_response', response: { subtype: 'success', request_id, response } })
  const refuse = (error_code: string, error: string) =>
    out({ type: 'control_response', response: { subtype: 'error', request_id, error, error_code } })
  switch (request.subtype) {
    case 'initialize':
      return reply({ commands: [], models: [] })
    case 'interrupt':
      if (request.cancel_queued)
        for (const { uuid } of queue.splice(0, queue.length)) lifecycle(uuid, 'cancelled')
      reply({ still_queued: queue.map(({ uuid }) => uuid) })
      return turn?.abort()
    case 'set_model':
      if (!request.model) return refuse('catalog_unknown', 'That is not a recognized model id.')
      model = request.model
      return reply({ model })
    case 'set_permission_mode':
      if (!request.mode || !MODES.includes(request.mode))
        return refuse('invalid_mode', `Cannot set permission mode: must be one of ${MODES.join(', ')}`)
      permission_mode = request.mode
      reply({ mode: permission_mode })
      return out({ type: 'system', subtype: 'status', status: null, permissionMode: permission_mode })
    case 'end_session':
      reply({})
      for (const { uuid } of queue) lifecycle(uuid, 'discarded')
      return process.exit(turn ? 1 : 0)
    default:
      return refuse('unsupported_request', `Unsupported control request subtype: ${request.subtype}`)
  }
}

function prompted(prompt: Prompt) {
  if (answered.has(prompt.uuid)) {
    replay(prompt)
    lifecycle(prompt.uuid, 'completed')
    if (!turn) state('idle')
    return
  }
  if (queue.some(({ uuid }) => uuid === prompt.uuid)) return
  lifecycle(prompt.uuid, 'queued')
  queue.push(prompt)
  void work()
}

interface Line {
  type: string
  uuid?: string
  message?: { content: string | { text?: string }[] }
  request_id?: string
  request?: Control
  response?: { subtype: string; request_id: string; response: Decision }
}

process.on('SIGTERM', () => process.exit(143))
process.on('SIGINT', () => process.exit(0))
const lines = createInterface({ input: process.stdin })
lines.on('close', () => process.exit(0))
lines.on('line', (text) => {
  if (text === '') return
  let line: Line
  try {
    line = JSON.parse(text)
  } catch {
    process.stderr.write('A line of the input is not JSON.\n')
    process.exit(1)
  }
  if (line.type === 'user') {
    const content = line.message?.content ?? ''
    const said = typeof content === 'string' ? content : content.map((block) => block.text ?? '').join('')
    prompted({ uuid: line.uuid ?? randomUUID(), text: said })
  } else if (line.type === 'control_request' && line.request) control(line.request_id ?? '', line.request)
  else if (line.type === 'control_response' && line.response) {
    const { subtype, request_id } = line.response
    const times = refused.get(request_id)
    if (subtype === 'error' && times !== undefined) refused.set(request_id, times + 1)
    const decide = waiting.get(line.response.request_id)
    waiting.delete(line.response.request_id)
    if (decide) out(line)
    decide?.(line.response.response)
  }
})
