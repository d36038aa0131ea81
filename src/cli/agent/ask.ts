import { UserError } from '../../platform/errors.ts'
import {
  type Form,
  type FormAnswer,
  labelOf,
  type PermissionRequest,
  type Question,
} from '../../protocol/index.ts'
import type { HubClient } from '../client/hub-client.ts'
import { unlessAborted } from '../client/until-aborted.ts'
import { openPrompt } from '../prompt.ts'
import { cleanLine } from '../render/clean.ts'
import { write } from '../terminal.ts'
import { answerTo, decisionOf } from './answers.ts'
import { fieldAnswer, fillable } from './form.ts'

/** Seconds for the agent to take an answer. */
const ANSWER_WAIT_S = 30

/** A message may quote what a stranger's form says. */
const FAULT_CHARS = 400

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
  const readline = await openPrompt()
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
    const form = fillable(request)
    if (form) await handOn('answer', await filledIn(form, request.questions, question))
    else if (request.ask === 'question') {
      const questions = request.questions ?? []
      const answers: Record<string, string> = Object.create(null)
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

const ENDS = new Map([
  ['/decline', 'decline'],
  ['/cancel', 'cancel'],
])

/** Asks for one field after the other. */
async function filledIn(form: Form, questions: Question[] = [], read: (prompt: string) => Promise<string>) {
  const answers: Record<string, FormAnswer> = {}
  for (const [index, field] of form.fields.entries()) {
    let action: string | undefined
    const answer = await untilTaken(
      () => read(`  ${cleanLine(labelOf(field), 60)}> `),
      (typed) => {
        action = ENDS.get(typed.trim())
        return action === undefined ? fieldAnswer(field, questions[index], typed) : ''
      },
    )
    if (action !== undefined) return { action }
    if (answer !== '') answers[field.name] = answer
  }
  return { answers }
}

/** Asks one question again until what is typed can be its answer. */
const untilGiven = (asked: Question, read: () => Promise<string>): Promise<string> =>
  untilTaken(
    async () => {
      for (;;) {
        const typed = await read()
        if (typed.trim() !== '') return typed
      }
    },
    (typed) => answerTo(asked, typed),
  )

async function untilTaken<T>(read: () => Promise<string>, take: (typed: string) => T): Promise<T> {
  for (;;) {
    try {
      return take(await read())
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      write(`  ${cleanLine(error.message, FAULT_CHARS)} ${error.remedy}\n`)
    }
  }
}
