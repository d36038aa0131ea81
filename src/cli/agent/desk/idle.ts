import { promptText } from '../../confirm-yes.ts'
import { dropTyped, openPrompt, reword } from '../../prompt.ts'
import { idleText } from '../../render/desk.ts'
import { stdoutWidth, write } from '../../terminal.ts'
import { QUIT } from '../leave.ts'
import type { WaitingRequests } from './waiting.ts'

interface Idle {
  working: ReturnType<WaitingRequests['working']>
  /** Number of requests that the person has skipped. */
  skipped: number
  /** Sentence about requests that cannot be answered now, if there are any. */
  away: string | undefined
  isLost: boolean
}

interface IdleOptions {
  /** Aborted when something waits. */
  signal: AbortSignal
  /** Aborted when the person leaves. */
  over: AbortController
  /** Called with a function to call when the state has changed. */
  onOpen(changed: () => void): void
}

/**
 * Shows the state of the agents while nothing waits for the person.
 * @returns what the person typed; undefined if something waits
 */
export async function askIdle(
  state: () => Idle,
  { signal, over, onOpen }: IdleOptions,
): Promise<string | undefined> {
  const readline = await openPrompt()
  readline.on('SIGINT', () => over.abort())
  // Ctrl-D.
  const leave = () => over.abort(QUIT)
  readline.once('close', leave)
  try {
    await dropTyped(readline)
    let shown = textFor(state())
    onOpen(() => {
      const text = textFor(state())
      if (text !== shown) reword(promptText(text))
      shown = text
    })
    return (await readline.question(promptText(shown), { signal })).trim()
  } catch (error) {
    if (!signal.aborted) throw error
    write('\n')
    return undefined
  } finally {
    readline.off('close', leave)
    readline.close()
  }
}

/** Width that a terminal needs for the cursor, and for the indentation of the question. */
const OTHER_COLUMNS = 6

function textFor({ working, skipped, away, isLost }: Idle): string {
  if (isLost) return 'Lost the connection to the hub. Reconnecting… q quits> '
  const enter = skipped > 0 ? 'Enter asks again, ' : away || working.length > 0 ? 'Enter lists them, ' : ''
  const keys = `${enter}an id opens an agent, q quits> `
  const width = stdoutWidth() ?? Number.POSITIVE_INFINITY
  return `${idleText(working, skipped, away, width - keys.length - OTHER_COLUMNS)} ${keys}`
}
