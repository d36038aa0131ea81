import { Command } from 'commander'
import type { HubToken } from '../../protocol/index.ts'
import { connectHub, type HubOptions, withHub } from '../options.ts'
import { cleanLine } from '../render/clean.ts'
import { table } from '../render/table.ts'
import { print, printJson, stdoutColors, stdoutWidth } from '../terminal.ts'

/** Minimum length of an id prefix. */
const LEAST = 4

export function tokenCommand(): Command {
  const command = new Command('token')
    .description('manage the enrollment tokens that `machine add` creates')
    .addHelpText(
      'after',
      `
Examples:
  $ fomular-daemon hub token list
  $ fomular-daemon hub token cancel 81d3aa07b5c1`,
    )
  command.addCommand(
    withHub(
      new Command('list')
        .alias('ls')
        .description('list the tokens that have not expired, and show which of them were used')
        .addHelpText('after', '\nExample:\n  $ fomular-daemon hub token list')
        .action(list),
    ),
  )
  command.addCommand(
    withHub(
      new Command('cancel')
        .description('cancel a token')
        .argument('<token>', 'id, or prefix of an id')
        .addHelpText('after', '\nExample:\n  $ fomular-daemon hub token cancel 81d3aa07b5c1')
        .action(cancel),
    ),
  )
  return command
}

async function list({ json, ...flags }: HubOptions) {
  const tokens = await (await connectHub(flags)).tokens()
  if (json) return printJson({ tokens })
  if (tokens.length === 0) return print('There are no tokens. `fomular-daemon machine add` creates a token.')
  const column = (title: string, cell: (token: HubToken) => string) => ({ title, cells: tokens.map(cell) })
  const [head = '', ...lines] = table(
    [
      column('TOKEN', ({ token_id }) => cleanLine(token_id, 12)),
      { ...column('FOR', ({ name }) => cleanLine(name ?? '(its host name)', 40)), cut: 'end' },
      { ...column('BY', ({ by }) => cleanLine(by ?? '-', 40)), cut: 'end', leftOut: 1 },
      column('EXPIRES', ({ expires_at }) => cleanLine(expires_at.slice(0, 16).replace('T', ' '), 16)),
      column('USED', ({ key_id }) => (key_id === undefined ? 'no' : `key ${cleanLine(key_id, 12)}`)),
    ],
    stdoutWidth(),
  )
  print([stdoutColors().bold(head), ...lines].join('\n'))
}

async function cancel(given: string, { json, ...flags }: HubOptions) {
  const client = await connectHub(flags)
  const [tokens, { resolveId }] = await Promise.all([client.tokens(), import('../client/resolve-id.ts')])
  const ids = tokens.map(({ token_id }) => token_id)
  const token_id = resolveId(given, ids, { what: 'token', list: 'hub token list', least: LEAST })
  await client.cancelToken(token_id)
  if (json) return printJson({ token_id })
  print(`The token ${cleanLine(token_id, 12)} is no longer accepted.`)
}
