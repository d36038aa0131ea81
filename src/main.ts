import { runCli } from './cli/program.ts'
import { report } from './cli/report.ts'
import { endsWithReader, write, writeError } from './cli/terminal.ts'
import { readChunks } from './platform/chunks.ts'
import { completeEnvironment } from './platform/complete-environment.ts'
import { keepSignals } from './platform/early-signal.ts'
import { systemCode } from './platform/errors.ts'
import { EXECUTABLE } from './platform/executable.ts'
import { EXIT } from './platform/exit-codes.ts'
import { isReadByJournald, withPriority } from './platform/journald.ts'

/**
 * Time for a pipe to accept output after Ctrl-C, in ms. The time is limited because `less` reads only as much
 * as it shows.
 */
const INTERRUPTED_MS = 200

/**
 * Time, in ms, after which a running command loads the remaining parts of the program: an update may replace
 * the program's files while the command runs. Most commands end before that.
 */
const LASTS_MS = 3000

/** Commands that run until they are stopped, including the default command. */
const SERVERS = /^(run|up|hub|-.*)?$/

/** Ends the process as soon as its output is written. A pipe may accept the output with a delay. */
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
  // The working folder was deleted. The program does not need this folder, but functions for paths fail while
  // it is missing.
  process.chdir('/')
}

// The reader of the output has ended (`agent log … | head`), or the terminal was closed.
process.stdout.on('error', (error) => {
  if (systemCode(error) === 'EPIPE' && endsWithReader()) process.exit(EXIT.ok)
})
process.stderr.on('error', () => {})
process.on('uncaughtException', fail)
process.on('unhandledRejection', fail)

setTimeout(() => {
  try {
    readChunks()
  } catch {
    // The program's files were already deleted. The command fails only if it still needs one of them.
  }
}, LASTS_MS).unref()
runCli(process.argv).then(() => exit(Number(process.exitCode ?? EXIT.ok)), fail)
