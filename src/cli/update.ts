import { Command } from 'commander'
import { UserError } from '../platform/errors.ts'
import type { ControlClient } from './client/control-client.ts'
import { connectDaemon, type LocalOptions, withLocal } from './local.ts'
import { print, printJson } from './terminal.ts'

const HELP = `
The new version is fetched beside the one that runs, checked against the registry's hash, and run to prove itself; then
the daemon changes over to it and its agents run on. It is kept once the server has accepted it, else the version before
runs again. Without a daemon that runs, the installation itself is updated.

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
      .description('update this program in place, while its agents run on')
      .argument('[version]', 'an exact version, or a dist-tag of the registry', 'latest')
      .option('--check', 'only say which version there is')
      .option('--allow-downgrade', 'also to an older version')
      .addHelpText('after', HELP)
      .action(update),
  )
}

async function update(version: string, { check, allowDowngrade = false, json, ...local }: Options) {
  const { paths, daemon } = await connectDaemon(local)
  const order = { version, allow_downgrade: allowDowngrade }
  const there = await isThere(daemon)
  const [{ StageLines }, steps] = await Promise.all([
    import('./update/stages.ts'),
    there ? import('./update/with-daemon.ts') : import('./update/alone.ts'),
  ])
  if (check) {
    const found = await steps.look(paths, version)
    if (json) return printJson(found)
    const { installed, available, newer, bad } = found
    if (!newer) return print(`${installed} is installed; ${version} is ${available}: nothing newer.`)
    return print(
      `${installed} is installed; ${available} is there${bad ? ', but failed on this machine before' : ''}: fomular-daemon update`,
    )
  }
  const lines = new StageLines({ quiet: json === true })
  const result = await steps
    .update(paths, order, (stage, message) => lines.begin(stage, message))
    .finally(() => lines.end())
  if (json) return printJson(result)
  const { from_version, to_version, path, mode } = result
  if (from_version === to_version) return print(`${from_version} runs already.`)
  const where = mode === 'user-prefix' ? `, at ${path}` : ''
  print(
    `Updated from ${from_version} to ${to_version}${where}, in ${(result.duration_ms / 1000).toFixed(1)} s.`,
  )
}

async function isThere(daemon: ControlClient): Promise<boolean> {
  try {
    await daemon.status()
    return true
  } catch (error) {
    if (error instanceof UserError && error.code === 'daemon_not_running') return false
    throw error
  }
}
