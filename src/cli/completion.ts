import { basename } from 'node:path'
import { Argument, Command } from 'commander'
import { UserError } from '../platform/errors.ts'
import { EXIT } from './exit-codes.ts'
import { write } from './terminal.ts'

const SHELLS = ['bash', 'zsh', 'fish'] as const

const HELP = `
The installer puts these scripts in place: this command is for other ways of installing. Agents' ids and machines' names
come from the hub.

Examples:
  $ mkdir -p ~/.local/share/bash-completion/completions ~/.config/fish/completions ~/.zfunc
  $ fomular-daemon completion bash > ~/.local/share/bash-completion/completions/fomular-daemon
  $ fomular-daemon completion fish > ~/.config/fish/completions/fomular-daemon.fish
  $ fomular-daemon completion zsh > ~/.zfunc/_fomular-daemon

For zsh, that folder must be on fpath: put \`fpath=(~/.zfunc $fpath)\` before \`compinit\` in ~/.zshrc.`

export function completionCommand(): Command {
  return new Command('completion')
    .description('print what makes a shell complete commands, flags and names at Tab')
    .addArgument(new Argument('[shell]', 'the shell (default: the one in SHELL)').choices(SHELLS))
    .addHelpText('after', HELP)
    .action(completion)
}

async function completion(given: string | undefined) {
  const name = given ?? basename(process.env.SHELL ?? '')
  const shell = SHELLS.find((each) => each === name)
  if (shell === undefined)
    throw new UserError('usage', `There is no completion for the shell "${name}".`, {
      remedy: `Name one: fomular-daemon completion ${SHELLS.join(', ')}.`,
      exitCode: EXIT.usage,
    })
  const { SCRIPTS } = await import('./completion/scripts.ts')
  write(SCRIPTS[shell])
}
