import { createInterface } from 'node:readline/promises'
import { UserError } from '../../platform/errors.ts'
import type { PermissionRequest, Question } from '../../protocol/index.ts'
import type { HubClient } from '../client/hub-client.ts'
import { unlessAborted } from '../client/until-aborted.ts'
import { cleanLine } from '../render/clean.ts'
import { write } from '../terminal.ts'
import { answerTo, decisionOf } from './answers.ts'

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
      const answers: Record<string, string> = {}
      for (const asked of questions) {
        const name = questions.length > 1 ? `${cleanLine(asked.header ?? asked.question, 40)}: ` : ''
        answers[asked.question] = await untilGiven(asked, () => question(`  ${name}number or text> `))
      }
      await handOn('answer', { answers })
    } else {
      const always = request.suggestions?.length ? ', a always' : ''
      const prompt = `  y yes, n no${always}, or say what to do instead> `
      let decision: ReturnType<typeof decisionOf>
      while (!decision) {
        const typed = await question(prompt)
        decision = decisionOf(typed, request)
        if (!decision && typed.trim() !== '')
          write(`  Not understood: type ${always ? 'y, n or a' : 'y or n'}, or a sentence.\n`)
      }
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

/** Asks one question again until what is typed can be its answer. */
async function untilGiven(asked: Question, read: () => Promise<string>): Promise<string> {
  for (;;) {
    const typed = await read()
    if (typed.trim() === '') continue
    try {
      return answerTo(asked, typed)
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      write(`  ${error.message} ${error.remedy}\n`)
    }
  }
}
