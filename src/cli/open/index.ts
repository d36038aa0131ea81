import { Command } from 'commander'
import { type HubOptions, withHub } from '../options.ts'

const HELP = `
The address contains a token that signs the browser in with your key. It is valid once, for a minute. Without
a display, the command prints the address instead of opening it. --json also only prints it.

Examples:
  $ fomular-daemon open
  $ fomular-daemon open --print`

export interface OpenOptions extends HubOptions {
  print?: boolean
}

export function openCommand(): Command {
  return withHub(
    new Command('open')
      .description("open the hub's console in a browser, signed in")
      .option('--print', 'print the address instead of opening it')
      .addHelpText('after', HELP)
      .action(async (options: OpenOptions) => (await import('./open.ts')).open(options)),
  )
}
