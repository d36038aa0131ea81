import { realpathSync } from 'node:fs'
import { Command } from 'commander'
import { homeOf } from '../../config/home.ts'
import { statePaths } from '../../config/paths.ts'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import type { At, Manager } from '../../service/manager.ts'
import { clean } from '../render/clean.ts'
import { isInteractive, note, print, printJson } from '../terminal.ts'
import { installedService, type ServiceOptions, withService } from './options.ts'

const HELP = `
The command stops the agents gracefully. It lists the state folder and the file "environment", which may
contain secrets, but does not remove them. With --purge, it also removes this folder and this file; on a
terminal, it asks first. The command never removes mounted disks, the targets of links, or folders that
contain other users' files: it only lists them.

Examples:
  $ sudo fomular-daemon service uninstall
  $ sudo fomular-daemon service uninstall --purge --dry-run`

export function uninstallCommand(): Command {
  return withService(
    new Command('uninstall').description('stop the service and remove it').addHelpText('after', HELP),
  )
    .option('--purge', "also remove the service's state, settings and secrets")
    .option('--all', 'uninstall all services that use this installation of the program')
    .option('--dry-run', 'only print the steps')
    .option('--json', 'print one JSON object')
    .action(uninstall)
}

interface Options extends ServiceOptions {
  purge?: boolean
  all?: boolean
  dryRun?: boolean
}

interface Gone {
  manager: string
  name: string
  done: string[]
  /** Paths that stay, and the reason for each. */
  left: string[]
  state_dir?: string
}

async function uninstall({ all, json, ...options }: Options) {
  const found = all ? await allServices() : { targets: [await installedService(options)], others: [] }
  const { targets, others } = found
  const results: Gone[] = []
  for (const { at, manager } of targets) {
    const gone = await uninstallOne(manager, at, { ...options, json: json ?? false })
    results.push(gone)
    if (json) continue
    for (const text of gone.done) print(text)
    for (const text of gone.left) print(`left ${text}`)
    if (!options.dryRun) print(`${at.name} is no longer a service.`)
  }
  if (json) return printJson(all ? { services: results, left: others } : results[0])
  for (const text of others) print(`left ${text}`)
  if (all && results.length + others.length === 0) print('No service was installed with this program.')
}

/** Returns the services that run this installation's program. */
async function allServices(): Promise<{ targets: { at: At; manager: Manager }[]; others: string[] }> {
  const [{ servicesOf, servicesOfOthers }, { managerNamed }, { layoutOf }, { EXECUTABLE }, { invocation }] =
    await Promise.all([
      import('../../service/leftovers.ts'),
      import('../../service/managers.ts'),
      import('../../update/switch/layout.ts'),
      import('../../platform/executable.ts'),
      import('./plan-daemon.ts'),
    ])
  const home = homeOf(process.env)
  const { root } = layoutOf(realpathSync(invocation().program), EXECUTABLE)
  const services = servicesOf(root, home)
  const isOpen = ({ manager }: { manager: string }) => manager !== 'systemd' || process.getuid?.() === 0
  return {
    targets: services
      .filter(isOpen)
      .map(({ manager, name }) => ({ at: { name, home }, manager: managerNamed(manager) })),
    others: [
      ...services
        .filter((service) => !isOpen(service))
        .map(
          ({ file, name }) =>
            `${file}: it belongs to root. To remove it: sudo fomular-daemon service uninstall --name ${name}`,
        ),
      ...servicesOfOthers(root, home).map((file) => `${file}: it belongs to another user, who can remove it`),
    ],
  }
}

async function uninstallOne(
  manager: Manager,
  at: At,
  { purge: wanted, dryRun, json }: Options,
): Promise<Gone> {
  const [{ perform, describe }, { leftoversOf }, { planPurge, purge }] = await Promise.all([
    import('../../service/steps.ts'),
    import('../../service/leftovers.ts'),
    import('../../service/purge.ts'),
  ])
  const { state_dir } = await manager.status(at)
  const { files, states } = leftoversOf(manager.name, at, state_dir)
  const gone: Gone = {
    manager: manager.name,
    name: at.name,
    done: [],
    left: [],
    ...(state_dir && { state_dir }),
  }
  const plans = states.map((dir) => planPurge(dir, { whole: isUsual(dir, at.name) }))
  if (!wanted) for (const path of [...files, ...states]) gone.left.push(`${path}: --purge removes it`)
  else gone.left.push(...plans.flatMap(({ left }) => left))
  if (wanted && manager.name.startsWith('systemd'))
    gone.left.push('its log in the journal, until the journal is rotated')
  if (wanted && manager.name === 'pm2')
    gone.left.push(`its log in ${process.env.PM2_HOME || `${at.home}/.pm2`}/logs`)
  const paths = wanted ? [...plans.flatMap(({ paths: own }) => own), ...files] : []
  // Remove files in the unit's folders before these folders.
  const steps = await manager.uninstall(at)
  if (dryRun) return { ...gone, done: [...steps.map(describe), ...paths.map((path) => `remove ${path}`)] }
  if (wanted && !json) await confirm(at.name, states, files)
  for (const step of steps) {
    const { changed, text, warning } = await perform(step)
    if (changed) gone.done.push(text)
    if (warning) note(warning)
  }
  await checkStill(state_dir, wanted ?? false)
  if (!wanted) return gone
  // Plan again: the daemon has added and removed files in the meantime.
  const now = states.map((dir) => planPurge(dir, { whole: isUsual(dir, at.name) }))
  const { removed, left } = await purge([...now.flatMap(({ paths: own }) => own), ...files])
  gone.done.push(...removed.map((path) => `removed ${path}`))
  gone.left.push(...left)
  const { unlinkEmpty } = await import('./unlink-empty.ts')
  unlinkEmpty(manager.name, at)
  return gone
}

/** Reports whether systemd made the folder for this service alone. */
const isUsual = (dir: string, name: string) =>
  dir === `/var/lib/${name}` || dir.startsWith(`/var/lib/${name}.of-`)

async function confirm(name: string, states: string[], files: string[]) {
  if (!isInteractive()) return
  const { askYes } = await import('../confirm-yes.ts')
  note(`This removes ${name}, and permanently deletes ${[...states, ...files].join(', ')}.`)
  if (await askYes('Continue?')) return
  throw new UserError('declined', 'Nothing was removed.', { exitCode: EXIT.refused })
}

/**
 * Reports agents that still run although their daemon had already ended. Refuses to purge their state folder.
 * @throws UserError
 */
export async function checkStill(stateDir: string | undefined, purging: boolean) {
  if (stateDir === undefined) return
  const { checkStrays } = await import('../doctor/strays.ts')
  const found = (await checkStrays(statePaths(stateDir), false)).filter(({ level }) => level !== 'ok')
  for (const { message, remedy } of found) note(clean(`${message}\n  → ${remedy}`))
  if (purging && found.some(({ message }) => message.includes(stateDir)))
    throw new UserError(
      'still_running',
      `Processes still use the state folder ${stateDir}, so it was not removed.`,
      {
        remedy: 'End these processes, then remove the folder.',
        exitCode: EXIT.refused,
      },
    )
}
