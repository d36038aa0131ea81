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
import { setTimeout as sleep } from 'node:timers/promises'

export const args = process.argv.slice(2)
const flag = (name: string) =>
  args.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3) ?? undefined

export const session = {
  id: args.includes('--fork-session') ? randomUUID() : (flag('session-id') ?? flag('resume') ?? randomUUID()),
  model: flag('model') ?? 'fake-model',
  permission_mode: flag('permission-mode') ?? 'default',
}
const memory = join(homedir(), '.fake-agent')
const records = join(process.env.CLAUDE_CONFIG_DIR ?? join(homedir(), '.claude'), 'sessions')
const record = join(records, `${process.pid}.json`)
/** Ids of the prompts that this session has answered. */
const answered = new Set<string>()

/** Opens the session, or ends the program if the session cannot start. */
export async function openSession() {
  mkdirSync(memory, { recursive: true })
  for (const id of remembered()) answered.add(id)
  if (existsSync(join(memory, 'broken'))) notStarted(readFileSync(join(memory, 'broken'), 'utf8'))
  while (existsSync(join(memory, 'slow'))) await sleep(50)
  mkdirSync(records, { recursive: true })
  process.on('exit', () => rmSync(record, { force: true }))
  writeRecord()
}

/** Continues in a new session. */
export function renewSession() {
  session.id = randomUUID()
  writeRecord()
}

export const isAnswered = (promptId: string) => answered.has(promptId)

export function rememberAnswered(promptId: string) {
  appendFileSync(join(memory, session.id), `${promptId}\n`)
  answered.add(promptId)
}

function remembered(): string[] {
  try {
    return readFileSync(join(memory, flag('resume') ?? session.id), 'utf8').split('\n')
  } catch {
    if (flag('resume') === undefined) return []
    return notStarted(`No conversation found with session ID: ${flag('resume')}`)
  }
}

function notStarted(why: string): never {
  process.stderr.write(`${why}\n`)
  const result = { type: 'result', subtype: 'error_during_execution', is_error: true, errors: [why] }
  writeSync(1, `${JSON.stringify({ ...result, num_turns: 0, total_cost_usd: 0, session_id: session.id })}\n`)
  process.exit(1)
}

function writeRecord() {
  const procStart = readFileSync('/proc/self/stat', 'latin1').split(') ')[1]!.split(' ')[19]
  writeFileSync(record, JSON.stringify({ pid: process.pid, sessionId: session.id, procStart }))
}
