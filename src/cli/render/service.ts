import type { Status } from '../../service/manager.ts'
import type { Colors } from './ansi.ts'
import { clean } from './clean.ts'

export function serviceText(
  { manager, name, file, installed, running, enabled, state, pid, since, restarts, says, state_dir }: Status,
  { bold, green, red }: Colors,
): string {
  const row = (title: string, text: string | undefined) =>
    text === undefined ? [] : [`${bold(title.padEnd(9))} ${clean(text)}`]
  const process = [
    ...(pid === undefined ? [] : [`process ${pid}`]),
    ...(since ? [`since ${since}`] : []),
    ...(restarts ? [`restarted ${restarts === 1 ? 'once' : `${restarts} times`}`] : []),
  ]
  return [
    `${bold('Service'.padEnd(9))} ${name} of ${manager}: ${(running ? green : red)(state)}${enabled ? '' : ', not enabled: it does not start at boot'}`,
    ...row('Daemon', process.length > 0 ? process.join(', ') : undefined),
    ...row('Says', pid === undefined ? undefined : says),
    ...row('State', state_dir),
    ...row('File', installed ? file : `${file} is missing`),
  ].join('\n')
}
