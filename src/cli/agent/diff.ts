import { Command, Option } from 'commander'
import type { HubClient } from '../../client/hub-client.ts'
import type { ChangedFile, WorkspaceChanges } from '../../protocol/index.ts'
import { connectSigning, type HubOptions, JSON_OUTPUT, withHub, withSigning } from '../options.ts'
import { note, printJson, stdoutColors, write } from '../terminal.ts'

const HELP = `
The command compares the agent's folders with the commit that is checked out in them (--head, the default), or
with their state when the agent was started (--start). New files that git does not know yet are included;
files that git ignores are not. The folders must be in git repositories.

Examples:
  $ fomular-daemon agent diff a-1f2e
  $ fomular-daemon agent diff a-1f2e --start --stat
  $ fomular-daemon agent diff a-1f2e src/login.ts docs | less -R`

interface Options extends HubOptions {
  start?: boolean
  stat?: boolean
}

export function diffCommand(): Command {
  return withSigning(
    withHub(
      new Command('diff')
        .description('show what an agent has changed in its folders')
        .argument('<id>', 'id of the agent, or a unique prefix')
        .argument('[path...]', "only these files and folders, relative to the agent's folder")
        .addOption(new Option('--head', 'compare with the commit that is checked out (default)'))
        .addOption(
          new Option('--start', 'compare with the state at the start of the agent').conflicts('head'),
        )
        .option('--stat', 'list the files, without their lines')
        .addHelpText('after', HELP)
        .action(diff),
      JSON_OUTPUT.lines,
    ),
  )
}

async function diff(given: string, paths: string[], { json, start, stat, ...flags }: Options) {
  const client = await connectSigning(flags)
  const [{ agentId }, { checkPolicyFor }, { changeText, changesSummary, problemsText }] = await Promise.all([
    import('./outcome.ts'),
    import('../client/check-policy.ts'),
    import('../render/changes.ts'),
  ])
  const id = await agentId(client, given, flags.machine)
  const agent = await client.agent(id)
  await checkPolicyFor(client, agent, { type: 'workspace:diff' })
  const since = start ? 'start' : 'head'
  const options = { since, stat: stat === true, ...(paths.length > 0 && { paths }) }
  const colors = stdoutColors()
  const counts = { files: 0, added: 0, removed: 0 }
  let isContinued = false
  for await (const page of pages(client, id, options)) {
    if (counts.files === 0 && !isContinued) for (const problem of problemsText(page)) note(problem)
    for (const file of page.files) {
      const folder = page.folders.length > 1 ? page.folders[file.folder]?.path : undefined
      if (json) printJson({ ...file, folder: page.folders[file.folder]?.path })
      else write(changeText(file, { colors, folder, isContinued, isShort: stat === true }))
      if (!isContinued) count(counts, file)
      isContinued = file.continued === true
    }
  }
  if (!json) write(changesSummary(counts, colors))
}

async function* pages(client: HubClient, id: string, options: { since: string; stat: boolean }) {
  let after: string | undefined
  for (;;) {
    const page: WorkspaceChanges = await client.changes(id, {
      ...options,
      ...(after !== undefined && { after }),
    })
    yield page
    // The machine's redaction may have replaced the value.
    if (page.next === undefined || page.next === after) return
    after = page.next
  }
}

function count(counts: { files: number; added: number; removed: number }, file: ChangedFile) {
  counts.files++
  counts.added += file.added ?? 0
  counts.removed += file.removed ?? 0
}
