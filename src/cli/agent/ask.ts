import { createInterface } from 'node:readline/promises'
import type { PermissionRequest } from '../../protocol/index.ts'
import type { HubClient } from '../client/hub-client.ts'
import { unlessAborted } from '../client/until-aborted.ts'
import { cleanLine } from '../render/clean.ts'
import { write } from '../terminal.ts'
import { answersTo, decisionOf } from './answers.ts'

/** Seconds for the agent to take an answer. */
const ANSWER_WAIT_S = 30

/** Why a question goes from the screen: somebody else has answered, or the agent asks no longer. */
export const ANSWERED = 'answered'

interface Asking {
  /** Aborts when the question is to go, with ANSWERED or because all ends. */
  signal: AbortSignal
  /** Aborted at Ctrl-C, and then nothing more is waited for. */
  over: AbortController
}

/** Asks whoever sits at the terminal what an agent asks, and hands it on. */
export async function ask(
  client: HubClient,
  agentId: string,
  request: PermissionRequest,
  { signal, over }: Asking,
): Promise<void> {
  const readline = createInterface({ input: process.stdin, output: process.stdout })
  const gone = new AbortController()
  const stop = () => gone.abort()
  signal.addEventListener('abort', stop)
  // Ctrl-D: no answer now. The request stays.
  readline.once('close', stop)
  readline.on('SIGINT', () => over.abort())
  const handOn = (command: string, body: object) =>
    unlessAborted(
      client.agentCommand(agentId, command, { request_id: request.request_id, ...body }, ANSWER_WAIT_S),
      over.signal,
    )
  const question = (text: string) => readline.question(text, { signal: gone.signal })
  try {
    if (request.ask === 'question') {
      const questions = request.questions ?? []
      const typed: string[] = []
      for (const { header, question: full } of questions) {
        const name = questions.length > 1 ? `${cleanLine(header ?? full, 40)}: ` : ''
        typed.push(await untilGiven(() => question(`  ${name}number or text> `)))
      }
      await handOn('answer', { answers: answersTo(questions, typed) })
    } else {
      const always = request.suggestions?.length ? ', a always' : ''
      const prompt = `  y yes, n no${always}, or say what to do instead> `
      let decision: ReturnType<typeof decisionOf>
      while (!decision) decision = decisionOf(await question(prompt), request)
      await handOn('permission', decision)
    }
  } catch (error) {
    if (!gone.signal.aborted) throw error
    write(signal.reason === ANSWERED ? '\n  (no longer asked)\n' : '\n')
  } finally {
    signal.removeEventListener('abort', stop)
    readline.removeListener('close', stop)
    readline.close()
  }
}

async function untilGiven(read: () => Promise<string>): Promise<string> {
  for (;;) {
    const typed = await read()
    if (typed.trim() !== '') return typed
  }
}
