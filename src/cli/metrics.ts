import { Command } from 'commander'
import { connectDaemon, type LocalOptions, WHICH, withLocal } from './local/index.ts'
import { printJson, write } from './terminal.ts'

const HELP = `
The output is in OpenMetrics 1.0. With --metrics-port, the daemon also serves the metrics on a port of this
machine.
${WHICH}

Examples:
  $ fomular-daemon metrics | grep fomular_agents
  $ fomular-daemon metrics --json | jq '.metrics[].name'`

export function metricsCommand(): Command {
  return withLocal(
    new Command('metrics')
      .description('show the metrics of the daemon on this machine')
      .addHelpText('after', HELP)
      .action(metrics),
  )
}

async function metrics(options: LocalOptions) {
  const [{ daemon, facts }, { exposition }] = await Promise.all([
    connectDaemon(options),
    import('../metrics/exposition.ts'),
  ])
  const families = await daemon.metrics()
  if (options.json) printJson({ metrics: families, ...facts })
  else write(exposition(families, 'openmetrics'))
}
