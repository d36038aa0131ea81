import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { desk } from '../support/desk.ts'

const SAID = `# The plan

I will **change** the file \`a.txt\`:

- read it, which is an item that is long enough that a terminal of one hundred and ten columns has to wrap it here
- edit it

| step | result |
|------|-------:|
| read | 1 |

\`\`\`sh
cat a.txt
\`\`\`
`

test('a terminal shows the changes of files as differences, and the texts of Claude Code as Markdown', async (t) => {
  const { stage, terminal, prompt } = await desk(t)
  const file_path = join(stage.cwd, 'a.txt')
  writeFileSync(file_path, 'one\ntwo\nthree\n')
  const script = prompt(
    'w',
    [{ text: SAID }, { tool: 'Read', input: { file_path } }],
    [{ tool: 'Edit', input: { file_path, old_string: 'one\ntwo', new_string: 'one\n2' } }],
    [{ tool: 'Bash', input: { command: 'cat <<E > b\nhello\nE' } }],
    [{ text: 'Done.' }],
  )
  await terminal.begin(`fd agent start --id w --wait ${script}`)
  const screen = await terminal.shows(/\? asks to use Edit: .*\n[\s\S]*> $/)
  const shown = `The plan

I will change the file a.txt:

- read it, which is an item that is long enough that a terminal of one hundred and ten columns has to wrap it
  here
- edit it

step  result
────  ──────
read       1

    cat a.txt
• Read ${file_path}
`
  assert.equal(screen.split(shown).length, 2, screen)
  assert.match(screen, /\n {4}one\n {2}- two\n {2}\+ 2\n {2}replace_all: false\n/)
  assert.doesNotMatch(screen, /^ *old_string/m)
  const colored = await terminal.screen(true)
  assert.match(colored, /\x1b\[31m {2}- two\n\x1b\[32m {2}\+ 2\n/)
  assert.match(colored, /\x1b\[1mchange\x1b\[0m.*\x1b\[36ma\.txt/)
  await terminal.type('y')
  await terminal.shows(/\? asks to use Bash: .*\n[\s\S]*\n {2}\$ cat <<E > b\n {4}hello\n {4}E\n[\s\S]*> $/)
  await terminal.type('y')
  assert.match((await terminal.over()).text, /Done\.\n✓ done/)

  // An edit that needs no permission is shown when it is done.
  await terminal.run('fd agent configure w --permission-mode acceptEdits')
  const edit = { tool: 'Edit', input: { file_path, old_string: 'three', new_string: '3' } }
  const edited = await terminal.run(`fd agent send w --wait ${prompt('x', [edit], [{ text: 'ok' }])}`)
  assert.match(edited.text, /\n• Edit \S+a\.txt\n {2}⎿ - three\n {4}\+ 3\nok\n✓ done/)

  // Scripts, and people who want no colors, get the text as the agent wrote it.
  assert.ok((await terminal.run('fd agent log w | cat')).text.includes(`\n${SAID}\n`))
  assert.ok((await terminal.run('NO_COLOR=1 fd agent log w')).text.includes('\n- read it, which'))
  assert.match((await terminal.run('NO_COLOR=1 fd agent log w')).text, /I will \*\*change\*\*/)
  assert.match((await terminal.run('fd agent log w | cat')).text, /\n {2}old_string:\n {4}one\n {4}two\n/)
})

test('the words of a streamed text appear before its line is complete', async (t) => {
  const { terminal, prompt } = await desk(t)
  const slow = prompt('s', [{ text: 'word **bold** ', repeat: 400, every: 40 }])
  await terminal.begin(`fd agent start --id s --wait ${slow}`)
  await terminal.shows(/\nword bold word bold/)
  await terminal.press('C-c')
  assert.match((await terminal.over()).text, /The agent keeps working/)
})
