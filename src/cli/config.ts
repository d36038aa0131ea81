import { Command } from 'commander'
import type { Explained } from '../config/explain.ts'
import { withDaemonFlags } from './daemon-flags.ts'
import { EXIT } from './exit-codes.ts'
import { JSON_OUTPUT } from './options.ts'
import { clean, cleanLine } from './render/clean.ts'
import { table } from './render/table.ts'
import { note, print, printJson, stdoutColors, stdoutWidth } from './terminal.ts'

const HELP = `
Shows what a daemon that is started here, with these flags, would go by, and where each setting comes from. A service has flags and variables of its own: they are in its unit.

Examples:
  $ fomular-daemon config show --max-agents 50
  $ fomular-daemon config show --json | jq -r '.settings[] | select(.source != "default")'
  $ fomular-daemon config check /etc/fomular-daemon/config.toml`

const CHECK_HELP = `
Exit code 0 if all in it is understood, 2 if not. Nothing but the file counts: no flags, and no variables but those that it names.

Examples:
  $ fomular-daemon config check
  $ fomular-daemon config check ./config.toml`

export function configCommand(): Command {
  const show = withDaemonFlags(
    new Command('show')
      .description('every setting that counts, and where it comes from')
      .addHelpText('after', HELP),
  )
    .option('--json', JSON_OUTPUT.object)
    .action(showConfig)
  const check = new Command('check')
    .description('whether a configuration file is understood')
    .argument('[file]', 'the file (default: the one that a daemon started here would read)')
    .option('--json', JSON_OUTPUT.object)
    .addHelpText('after', CHECK_HELP)
    .action(checkConfig)
  return new Command('config')
    .description('what the daemon is set to, and where that comes from')
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

/** Adds the registry of npm where no setting of this program names one. */
async function addRegistry({ settings, problems }: Explained) {
  const find = (wanted: string) => settings.find(({ name }) => name === wanted)
  const registry = find('update.registry')
  const name = find('update.package')?.value
  if (!registry || registry.value !== null || typeof name !== 'string') return
  const [{ npmRegistry }, { UpdateFailure }, { stopCode, stopSignal }] = await Promise.all([
    import('../update/source.ts'),
    import('../update/failure.ts'),
    import('./stop-signal.ts'),
  ])
  const signal = stopSignal()
  try {
    Object.assign(registry, await npmRegistry(name, process.env, signal))
  } catch (error) {
    if (signal.aborted) process.exit(stopCode(signal))
    if (!(error instanceof UpdateFailure)) throw error
    const { message, remedy } = error.error
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
    if (explained.file === undefined)
      return print('There is no configuration file: nothing is wrong with it.')
    if (explained.problems.every(({ level }) => level !== 'error'))
      print(`${clean(explained.file)} is understood.`)
  })
}

function finish(explained: Explained, json: boolean, show: () => void) {
  const { problems, shadowed, file } = explained
  const ok = problems.every(({ level }) => level !== 'error')
  if (!ok) process.exitCode = EXIT.usage
  if (json) return printJson({ ok, ...explained })
  show()
  for (const path of shadowed) note(`! ${clean(path)} does not count: ${clean(file ?? '')} goes before it.`)
  for (const { level, message, remedy } of problems)
    note(clean(`${level === 'error' ? '✗' : '!'} ${message}${remedy ? `\n  → ${remedy}` : ''}`))
}
