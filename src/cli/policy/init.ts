import { Command, Option } from 'commander'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import { shellWord } from '../../platform/shell-word.ts'
import { JSON_OUTPUT, repeatable } from '../options.ts'
import { clean } from '../render/clean.ts'
import { isInteractive, note, print, printJson } from '../terminal.ts'

const HELP = `
The file explains every key of a policy, with its default. On a terminal, the command asks a few questions,
unless flags answer them. To set other keys, edit the file. The daemon obeys a change when you save the file.
The command does not replace an existing file, unless you add --force.

--mode takes the modes of \`agent start --permission-mode\`: default, acceptEdits, plan, dontAsk, auto, and
bypassPermissions.

The file is /etc/fomular-daemon/policy.toml for root or with --system, and ~/.fomular/policy.toml otherwise.
If both files exist, a daemon obeys the first one.

Examples:
  $ sudo fomular-daemon policy init
  $ fomular-daemon policy init --folder ~/projects --mode default --mode plan --mcp none
  $ fomular-daemon policy init --yes --output ./policy.toml`

export interface InitOptions {
  folder?: string[]
  denyFolder?: string[]
  mode?: string[]
  mcp?: string
  env?: string[]
  system?: boolean
  output?: string
  force?: boolean
  yes?: boolean
  json?: boolean
}

export function initCommand(): Command {
  return new Command('init')
    .description('write a policy that explains every key')
    .addOption(
      repeatable(
        '--folder <dir>',
        'folder in which agents may work, including its subfolders; repeatable (default: /)',
      ),
    )
    .addOption(repeatable('--deny-folder <dir>', 'folder in which agents may not work; repeatable'))
    .addOption(
      repeatable(
        '--mode <mode>',
        'permission mode that a server may choose, see below; * permits all; repeatable (default: all except auto and bypassPermissions)',
      ),
    )
    .addOption(
      new Option('--mcp <which>', 'MCP servers that a server may add to an agent (default: listed)').choices([
        'none',
        'listed',
        'any',
      ]),
    )
    .addOption(
      repeatable(
        '--env <name>',
        'environment variable that a server may set; * permits all except sensitive variables such as PATH; repeatable (default: *)',
      ),
    )
    .option('--system', 'write the policy of the whole system, which takes precedence')
    .option('--output <file>', 'file to write')
    .option('--force', 'replace an existing file')
    .option('--yes', 'ask no questions')
    .option('--json', JSON_OUTPUT.object)
    .addHelpText('after', HELP)
    .action(init)
}

async function init(options: InitOptions) {
  const [{ checkFree, placeOf, writePolicy }, { choicesOf, doubtsAbout, isAnswered }, { unreached }] =
    await Promise.all([import('./write-policy.ts'), import('./choices.ts'), import('./unreached.ts')])
  const place = await placeOf(options)
  checkFree(place, options.force ?? false)
  let choices = choicesOf(options)
  if (!options.yes && !isAnswered(options)) {
    if (options.json || !isInteractive())
      throw new UserError(
        'usage',
        'No flag describes the policy, and there is no terminal to ask the questions on.',
        {
          remedy: 'Give --folder, --mode, --mcp, or --env, or --yes for a policy with the defaults.',
          exitCode: EXIT.usage,
        },
      )
    const { askChoices } = await import('./questions.ts')
    choices = await askChoices(place.path)
  }
  const warnings = [...doubtsAbout(choices), ...writePolicy(place, choices), ...(await unreached(place))]
  if (options.json) return printJson({ file: place.path, warnings })
  print(`The policy is in ${clean(place.path)}.`)
  for (const warning of warnings) note(clean(`! ${warning}`))
  print(`To see what the policy permits: fomular-daemon policy check ${shellWord(place.path)}`)
}
