/**
 * A test agent that records what it really wrote, read, and did. The verdict compares the hub's history with
 * these records. Each agent has a log in `CHAOS_LOGS`, one entry per line:
 *
 *     S {run, pid, session, began}   a process begins
 *     R TIME                  is ready to read, in ms since 1970
 *     O LINE                  is about to write this line;  W  has written it
 *     I {...}                 has read a line (the line or its identity)
 *     A ID                    executes a prompt
 *     X CODE                  is about to exit
 *     V TEXT                  a violation: two processes at once
 *     F                       met a full disk
 *
 * A prompt's first line is JSON: see `Task`. Unlike Claude Code, this agent does not recognize a prompt that
 * it has answered before. It executes a duplicate again, and the verdict detects this.
 */
import { spawn } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { existsSync, openSync, readdirSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Task {
  id: string
  lines: number
  bytes: number
  delay_ms: number
  /** Asks for permission before the last line. */
  ask?: boolean
  /** Ends the process before the last line, with this exit code. */
  exit?: number
  /** Kills the process in the middle of the last line. */
  tear?: boolean
  /** Leaves a process behind. */
  stray?: boolean
}

const args = process.argv.slice(2)
const flag = (name: string) =>
  args.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3) ?? undefined

const folder = process.env.FOMULAR_AGENT!
const log = openSync(join(process.env.CHAOS_LOGS!, `${basename(folder)}.log`), 'a')
const record = (kind: string, text = '') => writeSync(log, `${kind} ${text}\n`)

const session_id = flag('session-id') ?? flag('resume') ?? randomUUID()
const run = Math.max(...readdirSync(folder).map((name) => Number(/^run\.(\d+)$/.exec(name)?.[1] ?? 0)))
const startOf = (pid: number) => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return state === 'Z' ? undefined : fields[18]
}

/** Records a violation if another process of this session is running. */
function lookForOther() {
  const lock = join(process.env.CHAOS_LOGS!, `${basename(folder)}.pid`)
  if (existsSync(lock)) {
    const [pid, start] = readFileSync(lock, 'utf8').split(' ')
    try {
      if (startOf(Number(pid)) === start) record('V', `process ${pid} of this agent is still there`)
    } catch {
      // It has ended.
    }
  }
  writeFileSync(lock, `${process.pid} ${startOf(process.pid)}`)
}
lookForOther()
record('S', JSON.stringify({ run, pid: process.pid, session: session_id, began: Date.now() }))

const FULL_MS = 20
const wait = new Int32Array(new SharedArrayBuffer(4))

/** Writes a line. On a full disk, it waits until the whole line is written. */
function out(line: object) {
  const text = JSON.stringify({ ...line, session_id, uuid: randomUUID() })
  record('O', text)
  const bytes = Buffer.from(`${text}\n`)
  let full = false
  for (let done = 0; done < bytes.length; ) {
    try {
      done += writeSync(1, bytes, done)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
      if (!full) record('F')
      full = true
      Atomics.wait(wait, 0, 0, FULL_MS)
    }
  }
  record('W')
}

function end(code: number): never {
  record('X', String(code))
  process.exit(code)
}

function tear(id: string) {
  const text = JSON.stringify({
    type: 'assistant',
    message: { id, content: [{ type: 'text', text: id.repeat(99) }] },
  })
  record('O', text)
  writeSync(1, text.slice(0, text.length / 2))
  process.kill(process.pid, 'SIGKILL')
}

/** Waits while the machine is slow. A signal still ends the process. */
function beSlow() {
  try {
    const { until, ms } = JSON.parse(readFileSync(join(process.cwd(), '../slow'), 'utf8'))
    if (Date.now() < until) Atomics.wait(wait, 0, 0, ms)
  } catch {
    // The machine is not slow.
  }
  record('R', String(Date.now()))
}
beSlow()

let model = flag('model') ?? 'chaos'
let permission_mode = 'default'
const queue: { uuid: string; text: string }[] = []
let turn: AbortController | undefined
const waiting = new Map<string, (decision: { behavior: string }) => void>()

const state = (name: string) => out({ type: 'system', subtype: 'session_state_changed', state: name })
const lifecycle = (uuid: string, name: string) =>
  out({ type: 'command_lifecycle', command_uuid: uuid, state: name })

async function work() {
  if (turn) return
  state('running')
  for (let prompt = queue.shift(); prompt; prompt = queue.shift()) {
    turn = new AbortController()
    const task: Task = JSON.parse(prompt.text.split('\n', 1)[0]!)
    lifecycle(prompt.uuid, 'started')
    record('A', task.id)
    out({
      type: 'system',
      subtype: 'init',
      cwd: process.cwd(),
      tools: [],
      model,
      permissionMode: permission_mode,
    })
    out({ type: 'user', message: { role: 'user', content: task.id }, parent_tool_use_id: null })
    await perform(task, turn.signal)
    const interrupted = turn.signal.aborted
    out({
      type: 'result',
      subtype: interrupted ? 'error_during_execution' : 'success',
      is_error: interrupted,
      result: task.id,
      num_turns: 1,
      user_message_uuids: [prompt.uuid],
    })
    lifecycle(prompt.uuid, interrupted ? 'cancelled' : 'completed')
  }
  turn = undefined
  state('idle')
}

/** Performs a task. Every fourth line is a token delta: the daemon may merge consecutive deltas. */
async function perform(task: Task, signal: AbortSignal) {
  if (task.stray) spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' }).unref()
  for (let n = 0; n < task.lines && !signal.aborted; n++) {
    const id = `${task.id}:${n}`
    if (n % 4 > 1)
      out({
        type: 'stream_event',
        event: { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: `${id};` } },
        parent_tool_use_id: null,
      })
    else
      out({
        type: 'assistant',
        message: {
          id: `msg_${id}`,
          role: 'assistant',
          model,
          content: [{ type: 'text', text: `${id} `.padEnd(task.bytes, 'x') }],
        },
        parent_tool_use_id: null,
      })
    await sleep(task.delay_ms)
  }
  if (task.tear) tear(task.id)
  if (task.exit !== undefined) end(task.exit)
  if (task.ask && !signal.aborted) await ask(task.id, signal)
}

async function ask(id: string, signal: AbortSignal) {
  const request_id = `${id}:ask`
  state('requires_action')
  out({
    type: 'control_request',
    request_id,
    request: {
      subtype: 'can_use_tool',
      tool_name: 'Bash',
      input: { command: id },
      tool_use_id: `toolu_${id}`,
    },
  })
  const { behavior } = await new Promise<{ behavior: string }>((resolve) => {
    waiting.set(request_id, resolve)
    signal.addEventListener('abort', () => resolve({ behavior: 'withdrawn' }), { once: true })
  })
  if (behavior === 'withdrawn') return out({ type: 'control_cancel_request', request_id })
  state('running')
  const result = {
    type: 'tool_result',
    tool_use_id: `toolu_${id}`,
    is_error: behavior !== 'allow',
    content: 'ok',
  }
  out({ type: 'user', message: { role: 'user', content: [result] }, parent_tool_use_id: null })
}

interface Control {
  subtype: string
  model?: string
  mode?: string
  cancel_queued?: boolean
  message_uuid?: string
}

function control(request_id: string, request: Control) {
  const reply = (response: object) =>
    out({ type: 'control_response', response: { subtype: 'success', request_id, response } })
  switch (request.subtype) {
    case 'interrupt':
      if (request.cancel_queued)
        for (const { uuid } of queue.splice(0, queue.length)) lifecycle(uuid, 'cancelled')
      reply({})
      return turn?.abort()
    case 'cancel_async_message': {
      const at = queue.findIndex(({ uuid }) => uuid === request.message_uuid)
      for (const { uuid } of at === -1 ? [] : queue.splice(at, 1)) lifecycle(uuid, 'cancelled')
      return reply({ cancelled: at !== -1 })
    }
    case 'set_model':
      model = request.model ?? model
      return reply({})
    case 'set_permission_mode':
      permission_mode = request.mode ?? permission_mode
      return reply({})
    case 'end_session':
      reply({})
      for (const { uuid } of queue) lifecycle(uuid, 'discarded')
      return end(turn ? 1 : 0)
    default:
      return reply({})
  }
}

interface Line {
  type: string
  uuid?: string
  message?: { content: string }
  request_id?: string
  request?: Control
  response?: { request_id: string; response: { behavior: string } }
}

process.on('SIGTERM', () => end(143))
process.on('SIGINT', () => end(130))
const lines = createInterface({ input: process.stdin })
lines.on('close', () => end(0))
lines.on('line', (text) => {
  if (text === '') return
  let line: Line
  try {
    line = JSON.parse(text)
  } catch {
    record('V', `input that is not JSON: ${text.slice(0, 200)}`)
    return end(1)
  }
  if (line.type === 'user') {
    const said = line.message!.content
    const task: Task = JSON.parse(said.split('\n', 1)[0]!)
    const digest = createHash('sha256').update(said).digest('hex')
    record('I', JSON.stringify({ type: 'user', uuid: line.uuid, id: task.id, digest }))
    lifecycle(line.uuid!, 'queued')
    queue.push({ uuid: line.uuid!, text: said })
    void work()
    return
  }
  record('I', text)
  if (line.type === 'control_request' && line.request) control(line.request_id!, line.request)
  else if (line.type === 'control_response' && line.response) {
    waiting.get(line.response.request_id)?.(line.response.response)
    waiting.delete(line.response.request_id)
  }
})
