import { writeFileSync } from 'node:fs'
import { Random } from '../chaos/random.ts'
import type { OpenTarget, Target } from './target.ts'

export interface FuzzOptions {
  /** Name of the target. The inputs depend on this name. */
  name: string
  open: OpenTarget
  seed: string
  /** Index of the first input, and number of inputs. */
  from: number
  count: number
  /** Inputs to use instead of inputs from the seed. */
  inputs?: readonly Buffer[]
  /** File for the batch that causes a fault. */
  savePath: string
  /** Called after each batch. */
  progress?: (done: number, target: Target) => void
}

export interface Verdict {
  target: string
  seed: string
  inputs: number
  bytes: number
  seconds: number
  memory: { start: number; peak: number; end: number }
  disk: number
  finding?: { message: string; inputs: [from: number, count: number]; saved: string; again: string }
}

/** Timeout of a batch and the check after it, in milliseconds. */
const BATCH_MS = 120_000

/** Feeds a target its inputs, up to the last input or the first fault. */
export async function fuzz(options: FuzzOptions): Promise<Verdict> {
  const { name, seed, from, count, open } = options
  const closing: (() => void | Promise<void>)[] = []
  const target = await open({ after: (fn) => void closing.push(fn) })
  const begun = performance.now()
  const memory = { start: target.memory(), peak: 0, end: 0 }
  let done = 0
  let bytes = 0
  let finding: Verdict['finding']
  try {
    while (done < count && !finding) {
      const size = Math.min(target.batch, count - done)
      const inputs =
        options.inputs?.slice(done, done + size) ??
        Array.from({ length: size }, (_, i) => target.input(new Random(`${seed}/${name}/${from + done + i}`)))
      const problem = await taken(target, inputs)
      if (problem !== undefined) finding = saved(options, problem, { at: from + done, inputs })
      done += size
      for (const input of inputs) bytes += input.length
      memory.end = target.memory()
      memory.peak = Math.max(memory.peak, memory.end)
      options.progress?.(done, target)
    }
    const seconds = (performance.now() - begun) / 1000
    const disk = target.disk()
    return { target: name, seed, inputs: done, bytes, seconds, memory, disk, ...(finding && { finding }) }
  } finally {
    for (const close of closing.reverse()) await close()
  }
}

/** Feeds a batch. @returns the fault that the batch causes, or undefined if there is none */
async function taken(target: Target, inputs: Buffer[]): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined
  let crashed: ((error: Error) => void) | undefined
  const wrong = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`timed out after ${BATCH_MS / 1000} s`)), BATCH_MS)
    crashed = (error) => reject(new Error(`uncaught: ${error.stack}`))
  })
  process.on('uncaughtException', crashed!).on('unhandledRejection', crashed!)
  const work = async () => {
    await target.feed(inputs)
    await target.check()
  }
  try {
    await Promise.race([work(), wrong])
    const memory = target.memory()
    if (memory > target.memoryLimit) return `memory is ${memory} bytes; the limit is ${target.memoryLimit}`
    return undefined
  } catch (error) {
    return (error as Error).stack ?? String(error)
  } finally {
    clearTimeout(timer)
    process.off('uncaughtException', crashed!).off('unhandledRejection', crashed!)
  }
}

function saved(
  { name, seed, savePath }: FuzzOptions,
  message: string,
  { at, inputs }: { at: number; inputs: Buffer[] },
): NonNullable<Verdict['finding']> {
  writeFileSync(savePath, inputs.map((input) => `${input.toString('base64')}\n`).join(''))
  const again = `npm run fuzz -- --target ${name} --seed ${seed} --from ${at} --count ${inputs.length}`
  return { message, inputs: [at, inputs.length], saved: savePath, again }
}
