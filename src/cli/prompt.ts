import type { Abortable } from 'node:events'
import type { Interface } from 'node:readline/promises'
import { sleep } from '../platform/clock.ts'
import { forTerminal, write } from './terminal.ts'

/** Time for what was typed earlier to be read, in ms. */
const TYPED_MS = 50
/** Time without a key, after which somebody who was typing looks at what they are asked, in ms. */
const QUIET_MS = 300

/** What people type is read from the terminal, a line at a time. What they are asked is safe for it. */
export async function openPrompt(): Promise<Interface> {
  const { createInterface } = await import('node:readline/promises')
  const prompt = createInterface({ input: process.stdin, output: process.stdout })
  const question = prompt.question.bind(prompt)
  prompt.question = (text: string, options: Abortable = {}) => question(forTerminal(text), options)
  return prompt
}

/** Asks on the terminal. Ctrl-C is what it is elsewhere: the end of the program. @returns what was typed; '' at Ctrl-D */
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

/** Drops what was typed before the next question was on the screen: it is no answer to that. */
export async function dropTyped(readline?: Interface): Promise<void> {
  const reader = readline ?? (await openPrompt())
  if (!readline) endAtInterrupt(reader)
  let typed = false
  const note = () => {
    typed = true
  }
  process.stdin.on('data', note)
  // A line that nobody asked for is lost.
  for (let wait = TYPED_MS; wait > 0; wait = typed ? QUIET_MS : 0) {
    typed = false
    await sleep(wait)
    // On a busy machine the time may be over before anything was read; it has been before an immediate.
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
  process.stdin.off('data', note)
  if (!readline) reader.close()
  else if (readline.line !== '') readline.write(null, { ctrl: true, name: 'u' })
}
