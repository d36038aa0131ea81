import script from 'worker:./highlight-worker.ts'
import { workerUrl } from '../../parts/worker-url.ts'
import type { Task } from './highlight-worker.ts'
import type { Piece } from './highlighted.ts'

/** Maximum time for one text, in milliseconds. Some texts would take minutes. */
const MOST_MS = 1000

const WORKER_URL = workerUrl('fomular-highlighter', script)

interface Waiting extends Task {
  signal: AbortSignal
  done(pieces: Piece[] | undefined): void
}

const waiting: Waiting[] = []
let worker: Worker | undefined
let isBusy = false

/**
 * Highlights code outside of the page's own thread, one text at a time.
 * @returns undefined if the language is not known, or if the text takes too long
 */
export const highlighted = (task: Task, signal: AbortSignal): Promise<Piece[] | undefined> =>
  new Promise((done) => {
    waiting.push({ ...task, signal, done })
    if (!isBusy) void work()
  })

async function work() {
  isBusy = true
  for (let next = waiting.shift(); next; next = waiting.shift())
    next.done(next.signal.aborted ? undefined : await piecesOf(next))
  isBusy = false
}

async function piecesOf({ code, language }: Task): Promise<Piece[] | undefined> {
  worker ??= new Worker(WORKER_URL)
  const own = worker
  let timer: ReturnType<typeof setTimeout> | undefined
  const answer = new Promise<Piece[] | undefined>((resolve, reject) => {
    own.onmessage = ({ data }) => resolve(data)
    own.onerror = reject
    timer = setTimeout(reject, MOST_MS)
  })
  own.postMessage({ code, language } satisfies Task)
  try {
    return await answer
  } catch {
    own.terminate()
    worker = undefined
    return undefined
  } finally {
    clearTimeout(timer)
  }
}
