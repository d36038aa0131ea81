import { Command } from 'commander'
import { UserError } from '../platform/errors.ts'
import { EXIT } from '../platform/exit-codes.ts'
import { WHICH, withLocal } from './local/index.ts'
import { JSON_OUTPUT, numeric } from './options.ts'

const HELP = `
Times are in UTC. The log is daemon.log in the state folder; daemon.log.1 contains older lines. Each file
grows to at most 8 MiB.
${WHICH}

Examples:
  $ fomular-daemon logs
  $ fomular-daemon logs -f -n 20
  $ fomular-daemon logs --json | jq 'select(.level == "error")'`

interface Options {
  stateDir?: string
  json?: boolean
  follow?: boolean
  lines: number
}

export function logsCommand(): Command {
  return withLocal(
    new Command('logs')
      .description("show the daemon's log")
      .option('-f, --follow', 'keep printing new lines')
      .option('-n, --lines <count>', 'number of lines to show', numeric, 100)
      .addHelpText('after', HELP)
      .action(logs),
    JSON_OUTPUT.stream,
  )
}

async function logs({ stateDir: given, json, ...options }: Options) {
  const { announce, chooseDaemon } = await import('./local/choose.ts')
  const chosen = await chooseDaemon({ stateDir: given, json })
  if (!chosen.usable) throw (await import('./local/unavailable.ts')).forbiddenError(chosen)
  announce(chosen)
  await showLog({ ...options, ...(json && { json }), stateDir: chosen.state_dir })
}

/** Prints the log of a state folder. */
export async function showLog({ stateDir, json, follow, lines }: Options & { stateDir: string }) {
  const [{ statePaths }, { formatLogLine, jsonLogLine }, { lastLines, newLines }, { write }] =
    await Promise.all([
      import('../config/paths.ts'),
      import('../platform/log-line.ts'),
      import('./tail.ts'),
      import('./terminal.ts'),
    ])
  const { log } = statePaths(stateDir)
  const show = (line: string) => write(json ? jsonLogLine(line) : formatLogLine(line))
  const tail = lastLines(log, lines)
  if (!tail && !follow)
    throw new UserError('no_log', `There is no log at ${log}.`, {
      remedy:
        'Name the state folder with --state-dir or FOMULAR_STATE_DIR, or start the daemon with `fomular-daemon up`.',
      exitCode: EXIT.refused,
    })
  for (const line of tail?.lines ?? []) show(line)
  if (follow) for await (const line of newLines(log, tail?.place)) show(line)
}
