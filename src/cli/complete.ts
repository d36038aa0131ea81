import { Command } from 'commander'
import { print } from './terminal.ts'

/** A value that every shell takes as one word, unquoted. */
const WORD = /^[\w.@%+=:/-]+$/

/** Asked by the scripts of `completion`, at each press of Tab. Has no output where it knows nothing, and never an error. */
export function completeCommand(): Command {
  return new Command('complete').argument('[words...]').allowUnknownOption().action(complete)
}

async function complete(typed: string[]) {
  try {
    const [{ program }, { candidatesFor }] = await Promise.all([
      import('./program.ts'),
      import('./completion/candidates.ts'),
    ])
    const { words, paths, ask, prefix } = candidatesFor(await program(['--help']), typed)
    if (paths) return print(`:${paths}`)
    const { namesOf } = await import('./completion/names.ts')
    const current = (typed.at(-1) ?? '').replace(/^=$/, '')
    for (const { value, description } of [...words, ...(ask ? await namesOf(ask) : [])]) {
      const word = prefix + value
      if (WORD.test(word) && word.startsWith(current)) print(`${word}\t${description}`)
    }
  } catch {
    // An error would be printed into the line that is being typed.
  }
}
