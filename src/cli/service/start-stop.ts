import { Command } from 'commander'
import { note, print, printJson, stdoutColors } from '../terminal.ts'
import { installedService, type ServiceOptions, withService } from './options.ts'

const command = (name: 'start' | 'stop', description: string, help: string) =>
  withService(new Command(name).description(description).addHelpText('after', help))
    .option('--json', 'print one JSON object')
    .action((options: ServiceOptions) => act(name, options))

export const startCommand = () =>
  command('start', 'start the service', '\nExample:\n  $ sudo fomular-daemon service start')

export const stopCommand = () =>
  command(
    'stop',
    'stop the service and its agents, gracefully',
    '\nThe service starts again at the next boot. To restart the service while agents keep running, use service restart.\n\nExample:\n  $ sudo fomular-daemon service stop',
  )

async function act(what: 'start' | 'stop', options: ServiceOptions) {
  const [{ at, manager }, { perform }, { serviceText }] = await Promise.all([
    installedService(options),
    import('../../service/steps.ts'),
    import('../render/service.ts'),
  ])
  for (const step of manager[what](at)) {
    const { warning } = await perform(step)
    if (warning) note(warning)
  }
  const status = await manager.status(at)
  if (options.json) printJson(status)
  else print(serviceText(status, stdoutColors()))
}
