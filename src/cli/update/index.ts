import { Command } from 'commander'
import { UserError } from '../../platform/errors.ts'
import type { ControlClient, DaemonStatus } from '../client/control-client.ts'
import { connectDaemon, type LocalOptions, WHICH, withLocal } from '../local/index.ts'
import { clean } from '../render/clean.ts'
import { endedText } from '../restart.ts'
import { note, print, printJson } from '../terminal.ts'

const HELP = `
The command downloads the new version next to the current version, and verifies it. If the installed program
is a release, the new version must be signed with the release key. The new version must pass a trial run. Then
the daemon switches to the new version while agents keep running. If the daemon's supervisor would end the
agents (\`status\` reports this), the daemon stops the agents, and resumes them after the switch. If the
server accepts the new version, the update is complete. If not, the previous version runs again. Without a
running daemon, the command updates only the installation. It lists the daemons that still run an older
version and, for each daemon, the command line that updates it. ${WHICH}

Examples:
  $ fomular-daemon update
  $ fomular-daemon update --check
  $ fomular-daemon update 1.4.2 --allow-downgrade`

interface Options extends LocalOptions {
  check?: boolean
  allowDowngrade?: boolean
}

export function updateCommand(): Command {
  return withLocal(
    new Command('update')
      .description('update this program while its agents keep running')
      .argument('[version]', 'exact version, or dist-tag of the registry', 'latest')
      .option('--check', 'only show which version is available')
      .option('--allow-downgrade', 'also allow an older version')
      .addHelpText('after', HELP)
      .action(update),
  )
}

async function update(version: string, { check, allowDowngrade = false, json, ...local }: Options) {
  const { paths, daemon, chosen, facts } = await connectDaemon({ ...local, ...(json && { json }) })
  const order = { version, allow_downgrade: allowDowngrade }
  const before = await statusOf(daemon)
  const there = before !== undefined
  const [{ StageLines }, steps] = await Promise.all([
    import('./stages.ts'),
    there ? import('./online.ts') : import('./offline.ts'),
  ])
  if (check) {
    const found = await steps.findVersion(paths, version)
    if (json) return printJson({ ...found, ...facts })
    const { installed, available, newer, bad, warning, instead = 'fomular-daemon update' } = found
    if (warning !== undefined) note(clean(`! ${warning}`))
    if (!newer) return print(`${installed} is installed; ${version} is ${available}, which is not newer.`)
    return print(
      `${installed} is installed; ${available} is available${bad ? ', but failed on this machine before' : ''}: ${clean(instead)}`,
    )
  }
  const lines = new StageLines({ quiet: json === true })
  const warnings: string[] = []
  const begin = (stage: string, message?: string) => lines.begin(stage, message)
  const result = await steps
    .update(paths, order, begin, (warning) => void warnings.push(warning))
    .finally(() => {
      lines.end()
      if (!json) for (const warning of warnings) note(clean(`! ${warning}`))
    })
  const { from_version, to_version, path, mode } = result
  const { outdated, outdatedFacts, outdatedText } = await import('./outdated.ts')
  const old = await outdated(to_version, path ?? process.argv[1] ?? '', paths.dir)
  const { agents_end: end } = before ?? {}
  const ended = from_version !== to_version && end && end.agents.length > 0 ? end : undefined
  if (json)
    return printJson({
      ...result,
      ...facts,
      ...(warnings.length > 0 && { warnings }),
      ...(ended && { agents_ended: ended.agents }),
      outdated: old.map(outdatedFacts),
    })
  const where = mode === 'user-prefix' ? `, at ${clean(path ?? '')}` : ''
  const took = `in ${(result.duration_ms / 1000).toFixed(1)} s`
  print(
    from_version === to_version
      ? `${from_version} is already running.`
      : `Updated from ${from_version} to ${to_version}${where}, ${took}.`,
  )
  if (ended) print(endedText(ended))
  if (!there && chosen.service)
    print(`${clean(chosen.service.name)} is not running: it will start with ${to_version}.`)
  for (const each of old) note(clean(outdatedText(each)))
}

/** Returns the status of the daemon; undefined if it is not running. */
async function statusOf(daemon: ControlClient): Promise<DaemonStatus | undefined> {
  try {
    return await daemon.status()
  } catch (error) {
    if (error instanceof UserError && error.code === 'daemon_not_running') return undefined
    throw error
  }
}
