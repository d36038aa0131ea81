import { Command } from 'commander'
import type { Explained } from '../config/explain.ts'
import { Failure } from '../platform/errors.ts'
import { EXIT } from '../platform/exit-codes.ts'
import { JSON_OUTPUT } from './options.ts'
import { clean, cleanLine } from './render/clean.ts'
import { table } from './render/table.ts'
import { withDaemonFlags } from './start/daemon-flags.ts'
import { note, print, printJson, stdoutColors, stdoutWidth } from './terminal.ts'

const HELP = `
The command shows the settings that a daemon would use if you started it here with these flags. It also shows
the source of each setting. The command ignores flags and variables that a service sets in its unit.

Examples:
  $ fomular-daemon config show --max-agents 50
  $ fomular-daemon config show --json | jq -r '.settings[] | select(.source != "default")'
  $ fomular-daemon config check /etc/fomular-daemon/config.toml`

const CHECK_HELP = `
The exit code is 0 if the file is valid, and 2 if not. The check ignores settings from flags and environment
variables. It still replaces $NAME in the file with the value of the variable NAME.

Examples:
  $ fomular-daemon config check
  $ fomular-daemon config check ./config.toml`

export function configCommand(): Command {
  const show = withDaemonFlags(
    new Command('show').description('show every effective setting and its source').addHelpText('after', HELP),
  )
    .option('--json', JSON_OUTPUT.object)
    .action(showConfig)
  const check = new Command('check')
    .description('validate a configuration file')
    .argument('[file]', 'configuration file (default: the file that a daemon would read here)')
    .option('--json', JSON_OUTPUT.object)
    .addHelpText('after', CHECK_HELP)
    .action(checkConfig)
  return new Command('config')
    .description('show and check the settings of the daemon')
    .addCommand(show, { isDefault: true })
    .addCommand(check)
    .addHelpText('after', HELP)
}

async function showConfig({ json, ...flags }: Record<string, string | boolean>) {
  const { explainConfig } = await import('../config/explain.ts')
  const explained = await explainConfig(flags, process.env)
  await addRegistry(explained)
  finish(explained, json === true, () => {
    const { bold } = stdoutColors()
    const { settings } = explained
    const [head, ...rows] = table(
      [
        { title: 'SETTING', cells: settings.map(({ name }) => name) },
        {
          title: 'VALUE',
          cells: settings.map(({ value }) => cleanLine(String(value ?? '-'))),
          cut: 'path',
          least: 24,
        },
        {
          title: 'FROM',
          cells: settings.map(({ source }) => cleanLine(source || '-')),
          cut: 'path',
          least: 16,
        },
      ],
      stdoutWidth(),
    )
    print([bold(head ?? ''), ...rows].join('\n'))
    note(
      explained.file === undefined
        ? 'There is no configuration file.'
        : `Configuration file: ${clean(explained.file)}`,
    )
  })
}

/** Adds npm's own registry, if no setting of this program names a registry. */
async function addRegistry({ settings, problems }: Explained) {
  const find = (wanted: string) => settings.find(({ name }) => name === wanted)
  const registry = find('update.registry')
  const name = find('update.package')?.value
  if (!registry || registry.value !== null || typeof name !== 'string') return
  const [{ npmRegistry }, { stopCode, stopSignal }] = await Promise.all([
    import('../update/fetch/source.ts'),
    import('./start/stop-signal.ts'),
  ])
  const signal = stopSignal()
  try {
    Object.assign(registry, await npmRegistry(name, process.env, signal))
  } catch (error) {
    if (signal.aborted) process.exit(stopCode(signal))
    if (!(error instanceof Failure)) throw error
    const { message, remedy } = error
    problems.push({ level: 'warning', message, ...(remedy !== undefined && { remedy }) })
  }
}

async function checkConfig(file: string | undefined, { json }: { json?: boolean }) {
  const { explainConfig } = await import('../config/explain.ts')
  const settings = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('FOMULAR_') || name === 'FOMULAR_CONFIG',
  )
  const { CREDENTIALS_DIRECTORY: _key, STATE_DIRECTORY: _state, ...env } = Object.fromEntries(settings)
  const explained = await explainConfig(file === undefined ? {} : { config: file }, env)
  finish(explained, json === true, () => {
    if (explained.file === undefined) return print('There is no configuration file.')
    if (explained.problems.every(({ level }) => level !== 'error'))
      print(`${clean(explained.file)} is valid.`)
  })
}

function finish(explained: Explained, json: boolean, show: () => void) {
  const { problems, shadowed, file } = explained
  const ok = problems.every(({ level }) => level !== 'error')
  if (!ok) process.exitCode = EXIT.usage
  if (json) return printJson({ ok, ...explained })
  show()
  for (const path of shadowed) note(`! ${clean(path)} is ignored: ${clean(file ?? '')} takes precedence.`)
  for (const { level, message, remedy } of problems)
    note(clean(`${level === 'error' ? '✗' : '!'} ${message}${remedy ? `\n  → ${remedy}` : ''}`))
}
