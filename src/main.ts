import { runCli } from './cli/program.ts'
import { report } from './cli/report.ts'
import { endsWithReader, write, writeError } from './cli/terminal.ts'
import { loadChunks } from './platform/chunks.ts'
import { completeEnvironment } from './platform/complete-environment.ts'
import { keepSignals } from './platform/early-signal.ts'
import { systemCode } from './platform/errors.ts'
import { EXECUTABLE } from './platform/executable.ts'
import { EXIT } from './platform/exit-codes.ts'
import { isReadByJournald, withPriority } from './platform/journald.ts'

/** Time for a pipe to accept output after Ctrl-C, in ms: `less` reads only as much as it shows. */
const INTERRUPTED_MS = 200

/**
 * Time after which a command loads the rest of the program, in ms: an update may then replace the program beneath
 * it. Most commands have ended by then.
 */
const LASTS_MS = 500

/** Commands that run until they are stopped, including the default command. */
const SERVERS = /^(run|up|hub|-.*)?$/

/** Ends the process once its output is written: a pipe accepts it later than a terminal does. */
function exit(code: number) {
  const end = () => process.exit(code)
  if (code === EXIT.interrupted) setTimeout(end, INTERRUPTED_MS)
  process.stdout.write('', () => process.stderr.write('', end))
}

function fail(error: unknown) {
  const { stdout, stderr, exitCode } = report(error, { json: process.argv.includes('--json') })
  write(stdout)
  writeError(isReadByJournald(process.env) ? withPriority(stderr, 'error') : stderr)
  exit(exitCode)
}

const [, , command = ''] = process.argv
if (SERVERS.test(command)) keepSignals()
completeEnvironment(process.env, { executable: EXECUTABLE })
try {
  process.cwd()
} catch {
  // The working folder was deleted. Nothing here needs it, but every path would be refused because of it.
  process.chdir('/')
}

// The reader has all it wants (`agent log … | head`), or the terminal is gone.
process.stdout.on('error', (error) => {
  if (systemCode(error) === 'EPIPE' && endsWithReader()) process.exit(EXIT.ok)
})
process.stderr.on('error', () => {})
process.on('uncaughtException', fail)
process.on('unhandledRejection', fail)

setTimeout(() => {
  try {
    loadChunks()
  } catch {
    // The program is already gone. The command fails only if it still needs more of it.
  }
}, LASTS_MS).unref()
runCli(process.argv).then(() => exit(Number(process.exitCode ?? EXIT.ok)), fail)
