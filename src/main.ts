import { EXIT } from './cli/exit-codes.ts'
import { runCli } from './cli/program.ts'
import { report } from './cli/report.ts'
import { endsWithReader, write, writeError } from './cli/terminal.ts'
import { keepSignals } from './platform/early-signal.ts'
import { systemCode } from './platform/errors.ts'
import { EXECUTABLE } from './platform/executable.ts'
import { completeEnvironment } from './platform/surroundings.ts'

/** How long Ctrl-C waits for a pipe to take what was written: `less` takes no more than it is asked to show. */
const INTERRUPTED_MS = 200

/** Commands that run until they are told to end, the default one among them. */
const SERVERS = /^(run|up|hub|-.*)?$/

/** Ends the process once what was written is out: a pipe takes it later than a terminal does. */
function exit(code: number) {
  const end = () => process.exit(code)
  if (code === EXIT.interrupted) setTimeout(end, INTERRUPTED_MS)
  process.stdout.write('', () => process.stderr.write('', end))
}

function fail(error: unknown) {
  const { stdout, stderr, exitCode } = report(error, { json: process.argv.includes('--json') })
  write(stdout)
  writeError(stderr)
  exit(exitCode)
}

const [, , command = ''] = process.argv
if (SERVERS.test(command)) keepSignals()
completeEnvironment(process.env, { executable: EXECUTABLE })
try {
  process.cwd()
} catch {
  // It has been deleted. Nothing here needs that folder, but every path would be refused because of it.
  process.chdir('/')
}

// Whoever read the output has what they wanted (`agent log … | head`), or the terminal is gone.
process.stdout.on('error', (error) => {
  if (systemCode(error) === 'EPIPE' && endsWithReader()) process.exit(EXIT.ok)
})
process.stderr.on('error', () => {})
process.on('uncaughtException', fail)
process.on('unhandledRejection', fail)

runCli(process.argv).then(() => exit(Number(process.exitCode ?? EXIT.ok)), fail)
