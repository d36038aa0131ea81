import { Command } from 'commander'
import { write } from './terminal.ts'

/** Hidden command that prints the man page, for packages. */
export function manPageCommand(): Command {
  return new Command('man-page').action(async () => {
    const [{ program }, { manPage }] = await Promise.all([
      import('./program.ts'),
      import('./render/man-page.ts'),
    ])
    write(manPage(await program(['--help'])))
  })
}
