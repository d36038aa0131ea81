import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { EventBody, Heard, Input, Run } from '../../src/agents/runtimes/conversation.ts'
import type { RuntimeAdapter } from '../../src/agents/runtimes/runtime.ts'

/**
 * Talker, a small agent program with messages like JSON-RPC. It chooses the ids of its sessions, and numbers
 * the requests of each process from 0. It takes a prompt only after its session has begun, and prints a text
 * in parts.
 */
const PROGRAM = `
import { createInterface } from 'node:readline'
const say = (line) => process.stdout.write(JSON.stringify(line) + '\\n')
const open = new Map()
let session
const ask = (method, then) => { open.set(open.size, then); say({ request: open.size - 1, method }) }
createInterface({ input: process.stdin }).on('line', (text) => {
  const { method, id, answer, ...rest } = JSON.parse(text)
  if (method === 'hello') say({ id, session: rest.session ?? 's-' + process.pid })
  else if (rest.session === undefined || (session ??= rest.session) !== rest.session) say({ error: 'no session' })
  else if (method === 'prompt') {
    say({ began: id })
    for (const part of ['You said ', rest.text, '.']) say({ part })
    ask('time', (time) => { say({ part: ' It is ' + time + '.' }); if (rest.text === 'may I') ask('may', (may) => say({ done: may })); else say({ done: true }) })
  } else if (method === 'end') process.exit(0)
  else open.get(answer)?.(rest.value)
})
`

/** Writes the program. @returns its path */
export function talkerProgram(dir: string): string {
  const path = join(dir, 'talker.mjs')
  writeFileSync(path, `#!${process.execPath}\n${PROGRAM}`, { mode: 0o755 })
  return path
}

/** Facts from earlier lines that are needed to read later lines. */
interface State {
  session?: string
  /** The text so far. */
  said: string
  /** Number of requests so far. */
  requests: number
}

const control = (id: string, line: object): Input => ({ id, kind: 'control', line: JSON.stringify(line) })
const sessionIn = (state: unknown) => (state as State | undefined)?.session
const notInUse = (): never => {
  throw new Error('not in use')
}

function onLine(line: string, before: unknown, { prompt, initialize_id }: Run): Heard {
  const state = (before ?? { said: '', requests: 0 }) as State
  const { id, session, began, part, request, method, done } = parsed(line)
  if (session !== undefined) {
    const after = { ...state, session }
    const events: EventBody[] = [
      { kind: 'session', session_id: session, model: 'talker' },
      { kind: 'reply', request_id: id, ok: true },
    ]
    const inputs = prompt && id === initialize_id ? [said(prompt.id, prompt.content, after)] : []
    return { events, inputs, state: after }
  }
  if (began !== undefined)
    return {
      events: [
        { kind: 'prompt_state', prompt_id: began, state: 'started' },
        { kind: 'state', state: 'running' },
      ],
      state,
    }
  if (part !== undefined) return { events: [], state: { ...state, said: state.said + part } }
  if (method === 'time') {
    const requests = state.requests + 1
    const answer = { answer: request, session: state.session, value: `${requests} o'clock` }
    return {
      events: [
        {
          kind: 'notice',
          about: 'time',
          text: `asked for the time, request ${requests}`,
          level: 'info',
          info: null,
        },
      ],
      inputs: [{ kind: 'control', line: JSON.stringify(answer) }],
      state: { ...state, requests },
    }
  }
  if (method === 'may')
    return {
      events: [
        {
          kind: 'permission_request',
          request_id: `${state.session}-${request}`,
          ask: 'tool',
          tool: 'May',
          input: { request },
        },
      ],
      state: { ...state, requests: state.requests + 1 },
    }
  if (done !== undefined)
    return {
      events: [
        { kind: 'text', text: state.said },
        { kind: 'state', state: 'idle' },
      ],
      state: { ...state, said: '' },
    }
  return { events: [{ kind: 'unknown', raw: line }], state }
}

function parsed(line: string) {
  try {
    return JSON.parse(line)
  } catch {
    return {}
  }
}

const said: RuntimeAdapter['prompt'] = (id, text, state) => ({
  id,
  kind: 'prompt',
  line: JSON.stringify({ method: 'prompt', id, session: sessionIn(state), text }),
})

/** The runtime for Talker. The meaning of most of Talker's lines depends on earlier lines. */
export const talker: RuntimeAdapter = {
  startupPaths: () => [],
  startupPart: () => undefined,
  name: 'talker',
  title: 'Talker',
  variables: {
    program: 'FOMULAR_TALKER_PATH',
    folder: 'TALKER_DIR',
    others: [],
    logins: /$^/,
    all: /^TALKER_/,
  },
  loginRemedy: 'Talker needs no login.',
  folder: ({ HOME = '' }) => HOME,
  provider: 'nobody',
  isStateful: true,
  open: ({ initialize_id, session }) => [
    control(initialize_id, { method: 'hello', id: initialize_id, session: session?.id }),
  ],
  onLine,
  isSkippable: () => false,
  prompt: said,
  interrupt: notInUse,
  setModel: notInUse,
  setPermissionMode: notInUse,
  endSession: (id, state) => control(id, { method: 'end', session: sessionIn(state) }),
  offered: () => () => false,
  answerPermission: (id, { input }, answer, state) =>
    control(id, { answer: input.request, session: sessionIn(state), value: 'allow' in answer }),
  find: () => [],
  probe: async () => ({ name: 'talker', found: false }),
  settings: ['model'],
  places: () => ({ shared: [], needed: [], ofProcesses: [] }),
  launch: (_spec, { path }) => ({ argv: [path], env: {}, files: {} }),
  idle: {
    state: '^{"\\(began\\|done\\)":',
    idle: '^{"done":',
    tasks: '^{"tasks":',
    noTasks: '^{"tasks":\\[]',
  },
  isPruned: () => false,
  explain: () => undefined,
  isInSession: () => false,
  openSessions: () => new Map(),
}
