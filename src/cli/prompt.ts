import type { Abortable } from 'node:events'
import type { Interface } from 'node:readline/promises'
import { sleep } from '../platform/clock.ts'
import { forTerminal, note, write } from './terminal.ts'

/** Time to read input that was typed earlier, in ms. */
const TYPED_MS = 50
/** Pause in typing, in ms. After this pause, a person is assumed to have read the question. */
const QUIET_MS = 300

/** The reader whose question is on the screen. */
let asking: Interface | undefined

/** Opens a reader for lines typed at the terminal. The reader escapes its questions for the terminal. */
export async function openPrompt(): Promise<Interface> {
  const { createInterface } = await import('node:readline/promises')
  const prompt = createInterface({ input: process.stdin, output: process.stdout })
  const question = prompt.question.bind(prompt)
  const end = () => {
    if (asking === prompt) asking = undefined
  }
  prompt.once('close', end)
  prompt.question = (text: string, options: Abortable = {}) => {
    asking = prompt
    return question(forTerminal(text), options).finally(end)
  }
  return prompt
}

/** Replaces the text of the question on the screen. The typed text stays. */
export function reword(text: string) {
  asking?.setPrompt(forTerminal(text))
  asking?.prompt(true)
}

/** Prints a note for people. Repeats the question on the screen below the note. */
export function noteBeside(text: string) {
  const rows = asking?.getCursorPos().rows ?? 0
  if (asking) write('\n')
  note(text)
  // The reader moves the cursor up by the rows of the question before it writes the question again.
  if (asking) write('\n'.repeat(rows))
  asking?.prompt(true)
}

/** Asks a question on the terminal. Ctrl-C ends the program. @returns the answer; '' after Ctrl-D */
export async function askLine(question: string): Promise<string> {
  const readline = await openPrompt()
  const closed = new Promise<string>((resolve) => readline.once('close', () => resolve('')))
  endAtInterrupt(readline)
  try {
    return (await Promise.race([readline.question(question), closed])).trim()
  } finally {
    readline.close()
  }
}

function endAtInterrupt(readline: Interface) {
  readline.once('SIGINT', () => {
    readline.close()
    write('\n')
    process.kill(process.pid, 'SIGINT')
  })
}

/** Discards input typed before the next question appeared: it cannot be an answer to that question. */
export async function dropTyped(readline?: Interface): Promise<void> {
  const reader = readline ?? (await openPrompt())
  if (!readline) endAtInterrupt(reader)
  let typed = false
  const noteTyping = () => {
    typed = true
  }
  process.stdin.on('data', noteTyping)
  // Lines that arrive in the meantime are dropped, because nothing listens for them.
  for (let wait = TYPED_MS; wait > 0; wait = typed ? QUIET_MS : 0) {
    typed = false
    await sleep(wait)
    // On a busy machine, the timer may fire before the input was read. The callback of setImmediate() runs
    // after the input was read.
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
  process.stdin.off('data', noteTyping)
  if (!readline) reader.close()
  else if (readline.line !== '') readline.write(null, { ctrl: true, name: 'u' })
}
