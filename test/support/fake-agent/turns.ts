import { randomUUID } from 'node:crypto'
import { answer } from './answer.ts'
import { lifecycle, out, type Prompt, replay, state } from './output.ts'
import { isAnswered, rememberAnswered, renewSession, session } from './session.ts'

const queue: Prompt[] = []
let turn: AbortController | undefined

export const isWorking = () => turn !== undefined
export const queuedPrompts = () => queue.map(({ uuid }) => uuid)

/** Interrupts the turn. */
export const interrupt = () => turn?.abort()

/** Removes all queued prompts, and reports the state `end` for each prompt. */
export function emptyQueue(end: 'cancelled' | 'discarded') {
  for (const { uuid } of queue.splice(0, queue.length)) lifecycle(uuid, end)
}

/** Removes a queued prompt. @returns false if it is not queued */
export function cancelPrompt(id: string | undefined): boolean {
  const at = queue.findIndex(({ uuid }) => uuid === id)
  const [prompt] = at === -1 ? [] : queue.splice(at, 1)
  if (prompt) lifecycle(prompt.uuid, 'cancelled')
  return prompt !== undefined
}

/** Takes a prompt: starts its turn, queues it, or reports that it was answered. */
export function prompted(prompt: Prompt) {
  if (isAnswered(prompt.uuid)) {
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
      model: session.model,
      permissionMode: session.permission_mode,
      claude_code_version: '2.1.330',
    })
    replay(prompt)
    const result = await answer(prompt.text, turn.signal)
    const interrupted = turn.signal.aborted
    rememberAnswered(prompt.uuid)
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

function clear() {
  out({ type: 'conversation_reset', new_conversation_id: randomUUID(), trigger: 'clear' })
  renewSession()
}
