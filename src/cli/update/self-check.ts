import { Command } from 'commander'
import { loadChunks } from '../../platform/chunks.ts'
import { faultsBeside } from '../start/state-dir.ts'
import { printJson } from '../terminal.ts'

/** Hidden command: another version runs it to learn whether this version may replace it. */
export function selfCheckCommand(): Command {
  return new Command('self-check').requiredOption('--state-dir <dir>').action(check)
}

async function check({ stateDir }: { stateDir: string }) {
  const { selfCheck } = await import('../../update/fetch/self-check.ts')
  // Load everything, and initialize all parts of a daemon and its hub.
  loadChunks()
  await Promise.all([import('../start/serve.ts'), import('../up/up.ts'), import('../hub/serve.ts')])
  // Exit with 0 despite faults: the previous version cannot explain any other exit code.
  printJson(selfCheck(stateDir, await faultsBeside(process.env)))
}
