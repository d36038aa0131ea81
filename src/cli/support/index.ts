import { hostname } from 'node:os'
import { resolve } from 'node:path'
import { Command } from 'commander'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import { askYes } from '../confirm-yes.ts'
import { connectDaemon, type LocalOptions, WHICH, withLocal } from '../local/index.ts'
import { isInteractive, note, print, printJson, stdoutWidth } from '../terminal.ts'

const HELP = `
The archive helps others to understand a problem of this machine. The command lists its files, asks you, and
then writes it. Only you can read the archive, and nothing is sent anywhere. It contains no prompts, no activity
of agents, no variables, and no keys. Read it before you pass it on: it has names of this machine, of users, and
of folders.
${WHICH}

Examples:
  $ fomular-daemon support
  $ fomular-daemon support --yes --output /tmp/support.tar.gz
  $ tar -xzOf fomular-support-*.tar.gz | less        read what it contains`

interface SupportOptions extends LocalOptions {
  output?: string
  yes?: boolean
}

export function supportCommand(): Command {
  return withLocal(
    new Command('support')
      .description('write an archive with the facts that help to solve a problem, without secrets')
      .option(
        '-o, --output <file>',
        'file to write (default: fomular-support-HOST-TIME.tar.gz in this folder)',
      )
      .option('--yes', 'write the archive without asking')
      .addHelpText('after', HELP)
      .action(support),
  )
}

async function support({ output, yes, ...options }: SupportOptions) {
  const [{ collectParts }, { withoutSecretsOf }, { archiveOf, writeArchive }, { table }, { bytes }] =
    await Promise.all([
      import('./parts.ts'),
      import('./secrets.ts'),
      import('./archive.ts'),
      import('../render/table.ts'),
      import('../render/units.ts'),
    ])
  const connected = await connectDaemon(options)
  const parts = await collectParts(connected, await withoutSecretsOf(connected.paths, process.env))
  const now = new Date()
  const name = `fomular-support-${fileName(hostname())}-${now.toISOString().slice(0, 19).replace(/[-:]/g, '')}`
  const path = resolve(output ?? `${name}.tar.gz`)
  const content = archiveOf(name, parts, now)
  if (!options.json)
    print(
      table(
        [
          { title: 'FILE', cells: parts.map((part) => part.name) },
          { title: 'SIZE', cells: parts.map(({ text }) => bytes(Buffer.byteLength(text))) },
          { title: 'CONTENT', cells: parts.map(({ about }) => about), cut: 'end' },
        ],
        stdoutWidth(),
      ).join('\n'),
    )
  if (!yes && !(isInteractive() && !options.json && (await askYes(`Write these files to ${path}?`)))) {
    if (isInteractive() && !options.json) return note('Nothing was written.')
    throw new UserError('not_confirmed', 'Nothing was written, because nobody has agreed.', {
      remedy: 'Add --yes.',
      exitCode: EXIT.usage,
    })
  }
  writeArchive(path, content)
  const files = parts.map((part) => part.name)
  if (options.json) printJson({ path, bytes: content.length, files })
  else print(`Wrote ${path} (${bytes(content.length)}).`)
}

/** Returns a part of a file's name. */
const fileName = (text: string) => text.replace(/[^\w.-]/g, '-').slice(0, 64)
