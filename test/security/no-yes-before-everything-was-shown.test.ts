import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { showPages } from '../../src/cli/agent/show-pages.ts'
import { dropTyped } from '../../src/cli/prompt.ts'
import { colors } from '../../src/cli/render/ansi.ts'
import { requestText } from '../../src/cli/render/request.ts'
import { requestFor, ScriptedAgent } from '../support/scripted-agent.ts'
import { tempDir } from '../support/temp.ts'

const PROMPT = /y yes, n no, or type what to do instead> $/

test('a long request is shown screen by screen, and a yes before the last screen does not count', async (t) => {
  const agent = await ScriptedAgent.open(t)
  const lines = (end: string) => `${Array.from({ length: 200 }, (_, n) => `echo ${n}`).join('\n')}\n${end}`
  const [one, two] = [
    requestFor('one', { command: lines('rm -rf /') }),
    requestFor('two', { command: lines('x') }),
  ]
  await agent.asks(one)
  await agent.pends(one)
  const terminal = await agent.terminal()
  await terminal.begin('fd agent watch a')
  for (const at of [47, 94, 141, 188]) {
    await terminal.shows(new RegExp(`\\(lines 1 to ${at} of 20\\d\\) Enter for more, n to refuse> $`))
    await terminal.type('y')
  }
  await terminal.shows(/echo 199\n +rm -rf \/\n.*\n.*y yes, n no, or type what to do instead> $/)
  await terminal.type('y')
  const [answer] = await agent.answers(1)
  assert.deepEqual([answer?.request_id, answer?.digest], ['one', one.digest])
  await agent.asks(two)
  await agent.pends(two)
  await terminal.shows(/lines 1 to 47 of 20\d\) .*> $/)
  await terminal.type('n')
  const [, refusal] = await agent.answers(2)
  assert.equal(refusal?.type === 'agent:permission' && refusal.decision, 'deny')
})

test('a request that the hub does not have in full is shown only when the hub has all of it', async (t) => {
  const agent = await ScriptedAgent.open(t)
  const whole = requestFor('r', { command: `ls # ${' '.repeat(17_000)}\ntouch PWNED` })
  const bare = { ...whole, input: {}, input_omitted: true }
  await agent.pends(bare)
  const terminal = await agent.terminal()
  await terminal.begin('fd agent watch a --from now')
  const before = await terminal.shows(/You will be asked when the hub has the whole request/)
  assert.doesNotMatch(before, /y yes/)
  // Another request with the same id does not count.
  await agent.asks(requestFor('r', { command: 'harmless' }))
  await terminal.shows(/asks to use Bash: harmless$/)
  await agent.asks(whole)
  await terminal.shows(
    /ls # ?⟨\d+ blanks⟩\n +touch PWNED\n! Hidden.* 1 long run of blanks\n.*y yes, n no.*> $/,
  )
  await terminal.type('y')
  assert.equal((await agent.answers(1))[0]?.digest, whole.digest)
})

test('a request that the daemon or the hub has shortened cannot be approved', async (t) => {
  const agent = await ScriptedAgent.open(t)
  const long = `${'q'.repeat(20_000)} rm -rf /`
  const cut = requestFor(
    'q',
    {},
    { ask: 'question', tool: 'AskUserQuestion', questions: [{ question: long, options: [{ label: 'A' }] }] },
  )
  const tool = requestFor('t', { command: 'ls' }, { description: long })
  for (const [request, ...flags] of [
    [cut, 'answer', 'a', '1'],
    [tool, 'approve', 'a'],
  ] as const) {
    await agent.asks(request)
    await agent.pends(request)
    for (const more of [[], ['--request', request.digest]]) {
      const refused = await agent.run(...flags, ...more)
      assert.equal(refused.code, 4, refused.stderr)
      assert.match(
        refused.stderr,
        /error: The request cannot be shown: .* cut\.\n.*in fewer words: .* deny a/,
      )
    }
    assert.match(
      (await agent.run('show', 'a')).stdout,
      /Waits +\S+ agent deny a --request \w+\n[\s\S]*! This request is incomplete/,
    )
  }
  const terminal = await agent.terminal()
  await terminal.begin('fd agent watch a')
  await terminal.shows(
    /! This request is incomplete.*\n[\s\S]*The request cannot be shown: .*fewer words: .*$/,
  )
  assert.doesNotMatch(await terminal.screen(), /y yes|number or text/)
  assert.deepEqual(await agent.answers(0), [])
  const denied = agent.run('deny', 'a')
  const [answer] = await agent.answers(1)
  assert.equal(answer?.type === 'agent:permission' && answer.decision, 'deny')
  await denied
})

test('a question disappears from the screen when the agent asks another question with the same id', async (t) => {
  const agent = await ScriptedAgent.open(t)
  const [ls, rm] = [requestFor('r', { command: 'ls' }), requestFor('r', { command: 'rm -rf /important' })]
  await agent.asks(ls)
  await agent.pends(ls)
  const terminal = await agent.terminal()
  await terminal.begin('fd agent watch a')
  await terminal.shows(/Bash: ls\n.*y yes, n no.*> $/)
  await agent.asks(rm)
  await agent.pends(rm)
  await terminal.shows(
    /\(the agent now asks something else\)\n\? asks to use Bash: rm -rf \/important\n.*> $/,
  )
  await terminal.type('y')
  assert.equal((await agent.answers(1))[0]?.digest, rm.digest)
})

test('text that was typed before the question is not taken as an answer, even on a busy machine', async (t) => {
  const agent = await ScriptedAgent.open(t)
  const dir = tempDir(t)
  const [script, typed] = [join(dir, 'ask.ts'), join(dir, 'typed')]
  const prompt = fileURLToPath(new URL('../../src/cli/prompt.ts', import.meta.url))
  writeFileSync(
    script,
    `import { existsSync } from 'node:fs'
import { dropTyped, openPrompt } from ${JSON.stringify(prompt)}
const readline = await openPrompt()
const dropped = dropTyped(readline)
process.stdout.write('busy\\n')
while (!existsSync(${JSON.stringify(typed)}));
for (const end = Date.now() + 1000; Date.now() < end; );
await dropped
process.stdout.write(\`answer: \${await readline.question('ask> ')}\\n\`)
process.exit()
`,
  )
  const terminal = await agent.terminal()
  await terminal.begin(`'${process.execPath}' '${script}'`)
  await terminal.shows(/\nbusy\s*$/)
  await terminal.type('y')
  writeFileSync(typed, '')
  await terminal.shows(/ask> $/)
  await terminal.type('later')
  await terminal.shows(/answer: later/)
})

test('a person who keeps typing is asked only after a pause', async (t) => {
  const stdin = Object.assign(new PassThrough(), { isTTY: true })
  t.mock.getter(process, 'stdin', () => stdin)
  t.mock.timers.enable({ apis: ['setTimeout'] })
  let isAsked = false
  const dropped = dropTyped().then(() => {
    isAsked = true
  })
  const settled = async () => {
    for (let n = 0; n < 10; n++) await new Promise((resolve) => setImmediate(resolve))
  }
  const passes = async (ms: number) => {
    await settled()
    t.mock.timers.tick(ms)
    await settled()
  }
  for (const ms of [50, 200, 250]) {
    stdin.write('y\n')
    await passes(ms)
    assert.equal(isAsked, false)
  }
  await passes(300)
  await passes(300)
  await dropped
  assert.equal(isAsked, true)
})

test('the answer is for the last of several requests on the screen', async (t) => {
  const agent = await ScriptedAgent.open(t)
  const [one, two] = [requestFor('one', { command: 'rm -rf /srv' }), requestFor('two', { command: 'ls' })]
  await agent.asks(one, two)
  await agent.pends(one, two)
  const terminal = await agent.terminal()
  await terminal.begin('fd agent watch a')
  await terminal.shows(/Bash: ls\n\? asks to use Bash: rm -rf \/srv\n.*y yes, n no.*> $/)
  // If a person presses a key twice by mistake, only one request is answered.
  await terminal.press('y', 'Enter', 'y', 'Enter')
  assert.equal((await agent.answers(1)).length, 1)
  await agent.pends(two)
  await terminal.shows(/> y\n[\s\S]*\? asks to use Bash: ls\n.*y yes, n no.*> $/)
  assert.deepEqual(
    (await agent.answers(1)).map(({ digest }) => digest),
    [one.digest],
  )
  assert.match(await terminal.screen(), PROMPT)
})

test('a request is shown again in full after the window becomes narrower', async (t) => {
  let written = ''
  const write = (text: string) => {
    written += text
    return true
  }
  const screen = { isTTY: true, columns: 110, rows: 50, write }
  t.mock.getter(process, 'stdout', () => screen)
  const command = Array.from({ length: 60 }, (_, n) => `echo ${n} ${'x'.repeat(60)}FAKE it`).join('\n')
  const text = (width?: number) => requestText(requestFor('r', { command }), colors(false), width)
  const sizes = [
    { columns: 60, rows: 20 },
    { columns: 60, rows: 10 },
  ]
  const pages: string[] = []
  const ask = async (prompt: string) => {
    pages.push(written + prompt)
    written = ''
    Object.assign(screen, sizes.shift())
    return 'y'
  }
  const ends = (typed: string) => typed === 'n'
  assert.equal(await showPages(text, ask, ends), undefined)
  const seen = pages.map((each) => [each.split('\n').length - 1, /lines 1 to (\d+) of/.exec(each)?.[1]])
  assert.deepEqual(seen.slice(0, 4), [
    [47, '47'],
    [16, '16'],
    [6, '22'],
    [6, '28'],
  ])
  // The request is shown from its beginning to its end, in rows for the new width.
  const again =
    pages
      .slice(1)
      .map((each) => each.replace(/\(lines.*$/, ''))
      .join('') + written
  assert.equal(again, `${text(60)}\n`)
})

test('no row of a question begins with the agent’s text on a narrow screen', async (t) => {
  const agent = await ScriptedAgent.open(t)
  const fake = `${'x'.repeat(20)} FAKE ${'x'.repeat(7)} FAKE`
  const options = [{ label: 'A' }]
  const request = requestFor(
    'q',
    {},
    {
      ask: 'question',
      tool: 'AskUserQuestion',
      questions: ['one', 'two'].map((question) => ({ question, header: fake, options })),
    },
  )
  await agent.asks(request)
  await agent.pends(request)
  const terminal = await agent.terminal()
  await terminal.resize(20, 50)
  // If the program breaks a line into rows, this test sees each row as a separate line.
  await terminal.begin('fd agent watch a')
  await terminal.shows(/or text> $/)
  await terminal.type('7')
  const screen = await terminal.shows(/There is no[\s\S]*or text> $/)
  for (const row of screen.split('\n').slice(1)) assert.doesNotMatch(row, /^\s*FAKE/)
  assert.ok(
    screen
      .split('\n')
      .slice(1)
      .every((row) => row.length <= 20),
    screen,
  )
})
