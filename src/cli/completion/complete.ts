import { Command } from 'commander'
import { print } from '../terminal.ts'

/** A value that every shell reads as one word without quotes. */
const WORD = /^[\w.@%+=:/-]+$/

/** Hidden command that the completion scripts run at each press of Tab. Never prints an error. */
export function completeCommand(): Command {
  return new Command('complete').argument('[words...]').allowUnknownOption().action(complete)
}

async function complete(typed: string[]) {
  try {
    const [{ program }, { candidatesFor }] = await Promise.all([
      import('../program.ts'),
      import('./candidates.ts'),
    ])
    const { words, paths, ask, prefix } = candidatesFor(await program(['--help']), typed)
    if (paths) return print(`:${paths}`)
    const { namesOf } = await import('./names.ts')
    const current = (typed.at(-1) ?? '').replace(/^=$/, '')
    for (const { value, description } of [...words, ...(ask ? await namesOf(ask) : [])]) {
      const word = prefix + value
      if (WORD.test(word) && word.startsWith(current)) print(`${word}\t${description}`)
    }
  } catch {
    // The shell would print an error into the line being typed.
  }
}
