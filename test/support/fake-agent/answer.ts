import { spawn } from 'node:child_process'
import { writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { ignoreInput } from './input.ts'
import { out, say } from './output.ts'
import { ask, refusals } from './requests.ts'

/** Does what a prompt says. @returns the result of the turn */
export async function answer(text: string, signal: AbortSignal): Promise<string> {
  const [verb, first, second, third] = text.split(' ')
  if (verb === 'exit') process.exit(Number(first))
  if (verb === 'run') {
    spawn('/bin/sh', ['-c', text.slice(4)], { detached: true, stdio: 'ignore' }).unref()
    return 'started'
  }
  if (verb === 'line') out(JSON.parse(text.slice(5)))
  if (verb === 'tear') {
    writeSync(1, '{"type":"assistant","message":{"id":"torn","role":"assi')
    return new Promise(() => {})
  }
  if (verb === 'deaf') {
    ignoreInput()
    return new Promise(() => {})
  }
  if (verb === 'hang' || verb === 'ask') {
    const decided = verb === 'ask' ? ask(signal, text.slice(4)) : new Promise<never>(() => {})
    const stopped = new Promise<string>((resolve) =>
      signal.addEventListener('abort', () => resolve('interrupted'), { once: true }),
    )
    const said = await Promise.race([decided, stopped])
    if (!signal.aborted) say(said)
    return said
  }
  if (verb === 'request') {
    await sleep(Number(second ?? 0))
    const said = `${first}: refused ${await refusals(first ?? '')}`
    say(said)
    return said
  }
  if (verb === 'emit') {
    const bytes = Number(second)
    for (let i = 0; i < Number(first) && !signal.aborted; i++) {
      say(`${i} `.padEnd(bytes, 'x'))
      // Waits, so that the program can read interrupts.
      if (third !== undefined || i % 100 === 99) await sleep(Number(third ?? 0))
    }
    return `emitted ${first}`
  }
  say(text)
  return text
}
