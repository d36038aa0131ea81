import assert from 'node:assert/strict'
import { test } from 'node:test'
import { files, own, text, wingOf } from './source-modules.ts'

/** Other modules of the hub that use functions for files. */
const FILE_USERS = [
  // The address of a running hub, for other programs on its machine.
  'hub/hub.ts',
  // The hub's own keys, which programs on its machine read, with any kind of store.
  'hub/store/own-keys.ts',
  // These modules only parse rows, like lines of a file.
  'hub/store/postgres/agent-table.ts',
  'hub/store/postgres/command-table.ts',
  'hub/store/postgres/database-contents.ts',
  'hub/store/postgres/machine-table.ts',
  // The id of the hub's folder in the lease of the database.
  'hub/store/postgres/postgres-store.ts',
  'hub/store/postgres/stored-list.ts',
]

test('the hub reads and writes its files only in the modules of store/files', () => {
  const tools = ['files', 'format', 'lock'].map((name) => `platform/${name}.ts`)
  const writers = own
    .filter(({ file, target }) => file.startsWith('hub/') && tools.includes(target))
    .map(({ file }) => file)
    .filter((file) => !wingOf(file).startsWith('store/files'))
  assert.deepEqual(writers, FILE_USERS)
})

/**
 * Files outside of Claude Code's folder that may name Claude Code, with the reason. All other files ask the
 * registry.
 */
const NAMING: Record<string, string> = {
  'agents/runtimes/index.ts': 'the registry itself',
  'protocol/spec.ts': 'the default runtime of the protocol',
  'conformance/server/caller.ts': 'a caller knows only the protocol, and sends a complete specification',
  'config/environment.ts': 'variables of an outer session must not reach npm or a new version',
  'config/explain.ts': 'the list of all variables, which are read before anything else',
  'cli/program.ts': 'the help of the program, which every start loads',
  'cli/agent/start.ts': 'the help of flags, which `agent list` loads, too',
  'cli/agent/remove.ts': 'the help names the files that are not removed',
  'cli/machine/index.ts': 'an example in the help',
  'console/fleet/machine-page.tsx': 'the remedy for a machine without a runtime',
  'policy/names.ts': 'names of variables that change the behavior or the account of a runtime',
  'policy/template.ts': 'examples for people',
  'client/offers.ts': 'texts for suggestions, which servers pass on in the format of the runtime',
}

test('only a few files name Claude Code, because a runtime needs only a folder and a line in the registry', () => {
  const found = [...files, 'agents/process/launch.sh'].filter((file) => /claude/i.test(text(file)))
  assert.deepEqual(
    found.filter((file) => !file.startsWith('agents/runtimes/claude/')).sort(),
    Object.keys(NAMING).sort(),
  )
  const inside = own.filter(
    ({ file, target }) =>
      target.startsWith('agents/runtimes/claude/') && !file.startsWith('agents/runtimes/claude/'),
  )
  assert.deepEqual(
    inside.map(({ file }) => file),
    ['agents/runtimes/index.ts'],
  )
})

/** Files that may write to the terminal. All other output passes through one of these files. */
const WRITERS: Record<string, RegExp> = {
  'cli/terminal.ts': /process\.std(out|err)\.write\(/g,
  'cli/prompt.ts': /output: process\.stdout /g,
  // main.ts ends the process once the output is written.
  'main.ts': /process\.std(out|err)\.write\(''/g,
  'platform/log.ts': /writeSync\(2,/g,
}
/** Expressions that only query the terminal. */
const ASKING = /process\.std(out|err)\.(isTTY|columns|rows|on)\b/g

test('all output to the terminal passes through a few modules', () => {
  const beside = files.filter((file) => {
    const rest = text(file)
      .replace(ASKING, '')
      .replace(WRITERS[file] ?? /$^/, '')
    return /process\s*\??\.\s*std(out|err)|\bconsole\s*\??\.\s*[a-z]|\bconsole\[|writeSync\([12]\b|from 'node:(tty|console|process)'/.test(
      rest,
    )
  })
  assert.deepEqual(beside, [])
})
