import { Command } from 'commander'
import { faultsBeside } from '../state-dir.ts'
import { printJson } from '../terminal.ts'

/** Asked by another version whether this one may take its place. */
export function selfCheckCommand(): Command {
  return new Command('self-check').requiredOption('--state-dir <dir>').action(check)
}

async function check({ stateDir }: { stateDir: string }) {
  const { selfCheck } = await import('../../update/self-check.ts')
  // All that a daemon and its hub are made of is there, and can be initialised.
  await Promise.all([import('../serve.ts'), import('../up/up.ts')])
  // Whatever it finds: a version before takes a failure for one without words.
  printJson(selfCheck(stateDir, await faultsBeside(process.env)))
}
