import assert from 'node:assert/strict'
import { test } from 'node:test'
import { agentText } from '../../src/cli/render/agent.ts'
import { colors } from '../../src/cli/render/ansi.ts'
import { Conversation } from '../../src/cli/render/conversation.ts'
import { decidedText } from '../../src/cli/render/decision.ts'
import { layOut } from '../../src/cli/render/layout.ts'
import { permissionText } from '../../src/cli/render/permission.ts'
import { requestText } from '../../src/cli/render/request.ts'
import { textWidth } from '../../src/cli/render/width.ts'
import { Reveal } from '../../src/client/reveal-hidden.ts'
import type { HubAgent, PermissionRequest } from '../../src/protocol/index.ts'
import { statusOf } from '../support/light-daemon.ts'
import { requestFor, ScriptedAgent } from '../support/scripted-agent.ts'

const shown = (request: PermissionRequest, width?: number) => permissionText(request, colors(false), width)

test('invisible characters are made visible, and counted', () => {
  const cases: [hidden: string, visible: string, count: string][] = [
    [`ls${' '.repeat(17_000)}\nrm x`, 'ls⟨17000 blanks⟩\nrm x', '1 long run of blanks'],
    [`ls #${'\t'.repeat(30)}rm`, 'ls #⟨30 blanks⟩rm', '1 long run of blanks'],
    [`ls${'\n'.repeat(101)}rm`, 'ls\n⟨100 empty lines⟩\nrm', '1 long run of empty lines'],
    [`ls${' \n\t'.repeat(50)}rm`, 'ls \n⟨49 empty lines⟩\n\trm', '1 long run of empty lines'],
    ['ls\u202ex', 'ls⟨U+202E⟩x', '1 character that changes the text direction'],
    ['\u2066a\u2069\u061c', '⟨U+2066⟩a⟨U+2069⟩⟨U+061C⟩', '3 characters that change the text direction'],
    ['r\u200bm', 'r⟨U+200B⟩m', '1 invisible character'],
    ['rm\u00a0-rf\u3164', 'rm⟨U+00A0⟩-rf⟨U+3164⟩', '2 invisible characters'],
    ['a\u{e0061}\u{e0062}', 'a⟨U+E0061⟩⟨U+E0062⟩', '2 invisible characters'],
    [`a${'\u2800'.repeat(500)}b`, 'a⟨U+2800 × 500⟩b', '500 invisible characters'],
    ['a\u2028b\ufeff\u00ad', 'a⟨U+2028⟩b⟨U+FEFF⟩⟨U+00AD⟩', '3 invisible characters'],
    ['a\ud800b', 'a⟨U+D800⟩b', '1 invisible character'],
    ['a\u{1d159}\u{13441}b', 'a⟨U+1D159⟩⟨U+13441⟩b', '2 invisible characters'],
    ['ls\rrm', 'ls␍rm', '1 control character'],
    [`a\x1b[2J${'\b'.repeat(900)}\x9b`, 'a␛[2J⟨U+0008 × 900⟩⟨U+009B⟩', '902 control characters'],
    [`a${'\u0301'.repeat(60)}`, 'a⟨60 accents⟩', '1 heap of accents'],
  ]
  for (const [hidden, visible, count] of cases) {
    const reveal = new Reveal()
    assert.equal(reveal.text(hidden), visible)
    assert.equal(reveal.summary(), `Hidden in it, and made visible: ${count}`, visible)
  }
  const plain = `if x:\n${' '.repeat(24)}y = "a"\n\n\n\tcafé ⚠️ 日本語\n`
  const written = 'cafe\u0301 ė\u0301 हिन्दी क्षेत्र ไทยที่ العَرَبِيَّة שָׁלוֹם தமிழ் ភាសាខ្មែរ བོད་ཡིག и\u0306 か\u3099'
  for (const text of [plain, written]) {
    const reveal = new Reveal()
    assert.equal(reveal.text(text), text)
    assert.equal(reveal.summary(), undefined)
  }
})

test('every part of a request is made visible: names, options, forms, plans, and the runtime’s text', () => {
  const evil = 'a\u202e\u200bb'
  const requests: Partial<PermissionRequest>[] = [
    { tool: evil },
    { description: evil },
    { reason: evil },
    { blocked_path: evil },
    { input: { [evil]: 1 } },
    { input: { command: evil } },
    { input: { list: [{ deep: evil }] } },
    { tool: 'Write', input: { file_path: evil, content: 'b' } },
    { tool: 'Write', input: { file_path: '/a', content: evil } },
    { tool: 'Edit', input: { file_path: '/a', old_string: evil, new_string: 'b' } },
    { tool: 'Edit', input: { file_path: '/a', old_string: 'a', new_string: 'b', [evil]: 1 } },
    { tool: 'NotebookEdit', input: { notebook_path: '/a', new_source: evil } },
    { ask: 'plan', input: { plan: evil } },
    { ask: 'plan', input: { plan: 'Go', more: evil } },
    { ask: 'question', questions: [{ question: evil, options: [] }] },
    { ask: 'question', questions: [{ question: 'q', header: evil, options: [] }] },
    { ask: 'question', questions: [{ question: 'q', options: [{ label: evil }] }] },
    { ask: 'question', questions: [{ question: 'q', options: [{ label: 'l', description: evil }] }] },
    { ask: 'question', form: { server: evil, message: 'm', fields: [] } },
    { ask: 'question', form: { server: 's', message: evil, fields: [] } },
    { ask: 'question', form: { server: 's', message: 'm', url: `https://x/${evil}`, fields: [] } },
    {
      ask: 'question',
      form: {
        server: 's',
        message: 'm',
        fields: [{ name: 'f', type: 'string', options: [{ value: evil, title: 't' }] }],
      },
    },
  ]
  for (const rest of requests) {
    for (const width of [undefined, 200]) {
      const text = shown(requestFor('r', { command: 'ls' }, rest), width)
      assert.match(text, /a⟨U\+202E⟩⟨U\+200B⟩b/, JSON.stringify(rest))
      assert.match(text, /\n! Hidden in it, and made visible: 1 character that .*, 1 invisible character$/)
      assert.doesNotMatch(text, /[\u202e\u200b]/)
    }
  }
  // The headline does not count as the full text.
  const long = requestFor('r', { command: `ls${' '.repeat(17_000)}\nrm x` })
  assert.match(shown(long), /^\? asks to use Bash: ls …\n/)
  // The line that names a tool or an option does not count as the full text either.
  const label = 'one\n  2. two'
  const asked = requestFor('r', {}, { ask: 'question', questions: [{ question: 'q', options: [{ label }] }] })
  assert.match(shown(asked), /^ {2}1\. one␊ {2}2\. two$/m)
})

test('no combining mark hides a letter, or turns a space into a letter', () => {
  const covers = (mark: string) => `\u{16ff0}${mark}`.normalize('NFD').startsWith(mark)
  const marks: string[] = []
  for (let code = 0; code < 0x110000; code++) {
    const char = String.fromCodePoint(code)
    if (/\p{Me}/u.test(char) || (/\p{M}/u.test(char) && covers(char))) marks.push(char)
  }
  const over = '334 335 336 337 338 489 1abe 20d2 20d8 20dd 20e0 20e3 20e5 20ea 20eb a670'
  for (const code of over.split(' '))
    assert.ok(marks.includes(String.fromCodePoint(Number.parseInt(code, 16))))
  const sign = (mark: string) => `⟨U+${mark.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}⟩`
  const revealed = (text: string) => {
    const reveal = new Reveal()
    return [reveal.text(text), reveal.summary()?.replace(/^.*: /, '')]
  }
  for (const mark of marks) {
    assert.deepEqual(revealed(`r${mark}m`), [`r${sign(mark)}m`, '1 mark over other text'])
    const text = `r\u0301${mark}m${mark}`
    const shown = `r${sign('\u0301')}${sign(mark)}m${sign(mark)}`
    assert.deepEqual(revealed(text), [shown, '3 marks over other text'])
  }
  for (const [text, shown] of [
    // A combining mark after a space, a line feed, a symbol, or a digit, or at the beginning of a text.
    ['my \u0332dir', 'my ⟨U+0332⟩dir'],
    ['a\n\u0301b', 'a\n⟨U+0301⟩b'],
    ['-\u0304r', '-⟨U+0304⟩r'],
    ['1\u0301', '1⟨U+0301⟩'],
    ['\u0301x', '⟨U+0301⟩x'],
    // From another script.
    ['a\u05bcb', 'a⟨U+05BC⟩b'],
    ['a\u{1da00}', 'a⟨U+1DA00⟩'],
    // A combining mark after a character that is itself escaped.
    ['a\u034f\u0301', 'a⟨U+034F⟩⟨U+0301⟩'],
    ['\u3164\u0301', '⟨U+3164⟩⟨U+0301⟩'],
    ['a\ufffc', 'a⟨U+FFFC⟩'],
  ] as const)
    assert.equal(revealed(text)[0], shown)
})

test('a field is omitted only if the headline shows it in full', () => {
  const rows = (input: Record<string, unknown>) =>
    shown({ request_id: 'r', ask: 'tool', tool: 'mcp__x__y', description: 'ls', input } as PermissionRequest)
  assert.doesNotMatch(rows({ description: 'ls', command: 'ls' }), /command/)
  for (const field of ['wipe_disk', 'prompt', 'constructor'])
    assert.match(rows({ description: 'ls', [field]: 'ls' }), new RegExp(`^  ${field}: ls$`, 'm'))
})

test('no row is wider than the screen, even on terminals with wide ambiguous letters', () => {
  for (const letter of ['\u03b1', '\u2500', '\u4dc0', '\u1100', '\u0915\u094d', '\u{1d300}', 'e\u0301'])
    for (const row of layOut([{ head: '  ', text: letter.repeat(400) }], 80))
      assert.ok([...row].reduce((sum, char) => sum + (char <= '~' || char === '↳' ? 1 : 2), 0) <= 80, row)
})

test('no text of a request begins in the column of the program’s own text', () => {
  const fake = '? asks to use Bash: ls'
  const command = `${'x'.repeat(76)}${fake}\n${'é'.repeat(76)}${fake}\n\t${'日'.repeat(36)}${fake}`
  const rows = shown(requestFor('r', { command }, { description: `${'d'.repeat(78)}${fake}` }), 80).split(
    '\n',
  )
  assert.ok(rows.slice(2).every((row) => row.startsWith('  ')))
  assert.ok(rows.every((row) => textWidth(row) <= 80))
  assert.equal(rows.join('').replace(/\s/g, '').split(fake.replace(/\s/g, '')).length, 6)
})

test('no row of a request begins with the agent’s text, for any text and any width of the screen', () => {
  const of = (text: string): Partial<PermissionRequest>[] => [
    { description: text, reason: text, blocked_path: text },
    { input: { file_path: text, content: `a\n${text}` } },
    { input: { command: text, timeout: 1 } },
    { tool: 'Write', input: { file_path: text, content: text, [text]: text } },
    { tool: 'Edit', input: { file_path: '/a', old_string: `a\n${text}`, new_string: `b\n${text}` } },
    { input: { [text]: text, list: [text] } },
    { subagent_id: 'a', subagent: text },
    { subagent_id: text, tool: text },
    { suggestions: [{ type: 'addDirectories', directories: [text], destination: text }, { other: text }] },
    { ask: 'plan', input: { plan: text, planFilePath: text } },
    {
      ask: 'question',
      questions: [{ question: text, header: 'h', options: [{ label: text, description: text }] }],
    },
    { ask: 'question', form: { server: text, message: text, url: `https://x/${text}`, fields: [] } },
    {
      ask: 'question',
      form: {
        server: 's',
        message: text,
        fields: [
          { name: 'n', type: text, title: `t${text}`, description: text, default: text },
          { name: 'm', type: 'string', options: [{ value: text, title: `t${text}` }] },
        ],
      },
    },
  ]
  for (const width of [20, 47, 80, 400]) {
    // Tries prefixes of many lengths, so that for some of them, a row would break just before the fake text.
    const fills = Array.from({ length: 45 }, (_, n) => 'x'.repeat(Math.max(1, 2 * width - n)))
    const texts = [...fills.map((fill) => `${fill}FAKE it`), `${'\u1100'.repeat(400)}FAKE it`, 'x\nFAKE it']
    for (const text of texts)
      for (const rest of of(text)) {
        const rows = requestText(requestFor('r', { command: 'rm' }, rest), colors(false), width).split('\n')
        for (const row of rows) {
          // After this indentation, only a line of a script or a plan may begin with the agent's text.
          const isLine = text.includes('\n') && rest.ask !== 'question' && row === '    FAKE it'
          assert.ok(isLine || !/^ *FAKE/.test(row), `${width}: ${row} in ${JSON.stringify(rest)}`)
          assert.ok(textWidth(row) <= width && row.replace(/[^\u1100]/g, '').length * 2 <= width)
        }
      }
  }
})

test('no row that describes an agent or a decision begins with text from the agent', () => {
  for (let fill = 20; fill < 120; fill++) {
    const text = `${'x'.repeat(fill)}FAKE it`
    const agent = {
      ...statusOf('a', {
        pending: [requestFor('r', { command: 'rm' })],
        problems: [1, 2].map(() => ({ kind: 'hook', name: text, status: text, detail: text })),
        turn_failed: { outcome: text, message: text },
        title: text,
        session_id: text,
        model: text,
        permission_mode: text,
      }),
      machine_id: text,
      offset: 0,
    } as unknown as HubAgent
    const request = requestFor('r', { command: text, more: text })
    const texts = [
      agentText({ agent, machine: undefined, detail: undefined }, 0, colors(false), 60),
      decidedText('Allowed', request, { whole: true, also: [`Remembered: ${text}`], width: 60 }),
    ]
    for (const row of texts.flatMap((each) => each.split('\n'))) assert.doesNotMatch(row, /^ *FAKE/)
  }
})

test('the rows of one line look different from separate lines', () => {
  const command = `# ${'x'.repeat(70)}\nrm -rf /`
  assert.deepEqual(
    shown(requestFor('r', { script: command }), 50)
      .split('\n')
      .slice(-4),
    ['  script:', `    # ${'x'.repeat(44)}`, `  ↳ ${'x'.repeat(26)}`, '    rm -rf /'],
  )
  assert.deepEqual(shown(requestFor('r', { command }), 50).split('\n').slice(-3), [
    `  $ # ${'x'.repeat(44)}`,
    `  ↳ ${'x'.repeat(26)}`,
    '    rm -rf /',
  ])
  const edit = { file_path: '/a', old_string: `a\n${'b'.repeat(70)}`, new_string: 'a\n↳ c' }
  assert.deepEqual(
    shown(requestFor('r', edit, { tool: 'Edit' }), 50)
      .split('\n')
      .slice(-4),
    ['    a', `  - ${'b'.repeat(46)}`, `  ↳ ${'b'.repeat(24)}`, '  + ↳ c'],
  )
  assert.deepEqual(layOut([{ head: '? ', text: 'a b\nc' }], 6), ['? a ', '  ↳ b', '  ↳ c'])
})

test('a sub-agent’s request fits the screen, and appears on the screen only once', async (t) => {
  const request = requestFor(
    'r',
    { command: `ls ${'x'.repeat(300)}` },
    { subagent_id: 's', parent_tool_use_id: 'toolu_1' },
  )
  const event = { kind: 'permission_request' as const, offset: 0, index: 0, ...request }
  const text = new Conversation(colors(false), () => 80).event(event)
  assert.equal(text, `${shown(request, 80)}\n`)
  assert.match(shown({ ...request, subagent_id: undefined }), /^\? sub-agent: asks to use Bash/)
  const agent = await ScriptedAgent.open(t)
  await agent.asks(request)
  await agent.pends(request)
  const terminal = await agent.terminal()
  await terminal.begin('fd agent watch a')
  const screen = await terminal.shows(/y yes, n no.*> $/)
  assert.equal(screen.split('? sub-agent s: asks').length, 2)
})

test('a long row is wrapped even if the width of the screen is unknown', async (t) => {
  const agent = await ScriptedAgent.open(t)
  await agent.pends(requestFor('r', { command: `ls ${'x'.repeat(150)}` }))
  const terminal = await agent.terminal()
  await terminal.begin('stty cols 0; fd agent approve a')
  await terminal.shows(/\? asks to use Bash: ls x+(\n {2}↳ x+){2}\n {2}Allow it\? y\/N> $/)
})
