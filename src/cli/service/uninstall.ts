import { Command } from 'commander'
import { statePaths } from '../../config/paths.ts'
import { note, print, printJson } from '../terminal.ts'
import { installedService, type ServiceOptions, withService } from './options.ts'

const HELP = `
Agents are stopped, gracefully. The state folder stays, and files that you put beside the key.

Example:
  $ sudo fomular-daemon service uninstall`

export function uninstallCommand(): Command {
  return withService(
    new Command('uninstall').description('stop the service and remove it').addHelpText('after', HELP),
  )
    .option('--dry-run', 'only say what would be done')
    .option('--json', 'print one JSON object')
    .action(uninstall)
}

async function uninstall({ dryRun, json, ...options }: ServiceOptions & { dryRun?: boolean }) {
  const [{ at, manager }, { perform, describe }] = await Promise.all([
    installedService(options),
    import('../../service/steps.ts'),
  ])
  const { state_dir } = await manager.status(at)
  const steps = await manager.uninstall(at)
  if (dryRun) return json ? printJson({ steps: steps.map(describe) }) : print(steps.map(describe).join('\n'))
  const done: string[] = []
  for (const step of steps) {
    const { changed, text, warning } = await perform(step)
    if (changed) done.push(text)
    if (warning) note(warning)
  }
  // Of a daemon that was down already, agents run on.
  const { checkStrays } = await import('../doctor/strays.ts')
  const left = state_dir === undefined ? [] : await checkStrays(statePaths(state_dir), false)
  for (const { level, message, remedy } of left) if (level !== 'ok') note(`${message}\n  → ${remedy}`)
  if (json) return printJson({ manager: manager.name, name: at.name, done, state_dir })
  for (const text of done) print(text)
  print(`${at.name} is no service any more.${state_dir ? ` Its state stays in ${state_dir}.` : ''}`)
}
