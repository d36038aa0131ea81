import { basename } from 'node:path'
import { Argument, Command } from 'commander'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import { write } from '../terminal.ts'

const SHELLS = ['bash', 'zsh', 'fish'] as const

const HELP = `
The installer sets up completion. Without the installer, use this command. Agent ids and
machine names come from the hub.

Examples:
  $ mkdir -p ~/.local/share/bash-completion/completions ~/.config/fish/completions ~/.zfunc
  $ fomular-daemon completion bash > ~/.local/share/bash-completion/completions/fomular-daemon
  $ fomular-daemon completion fish > ~/.config/fish/completions/fomular-daemon.fish
  $ fomular-daemon completion zsh > ~/.zfunc/_fomular-daemon

For zsh, the folder must be on fpath: put \`fpath=(~/.zfunc $fpath)\` before \`compinit\` in ~/.zshrc.`

export function completionCommand(): Command {
  return new Command('completion')
    .description('print a script that completes commands, flags, and names in a shell')
    .addArgument(new Argument('[shell]', 'shell (default: SHELL)').choices(SHELLS))
    .addHelpText('after', HELP)
    .action(completion)
}

async function completion(given: string | undefined) {
  const name = given ?? basename(process.env.SHELL ?? '')
  const shell = SHELLS.find((each) => each === name)
  if (shell === undefined)
    throw new UserError('usage', `No completion exists for the shell "${name}".`, {
      remedy: `Name a supported shell: ${SHELLS.join(', ')}.`,
      exitCode: EXIT.usage,
    })
  const { SCRIPTS } = await import('./scripts.ts')
  write(SCRIPTS[shell])
}
