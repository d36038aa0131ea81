import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Lexer } from 'marked'
import { withCharacters } from '../../../src/client/character-references.ts'
import { runsOf } from '../../../src/client/diff-lines.ts'
import { rowsOf } from '../../../src/client/diff-rows.ts'
import { styledOutput } from '../../../src/console/agent/blocks/ansi.ts'
import { highlight } from '../../../src/console/agent/blocks/highlight.ts'
import { piecesOf } from '../../../src/console/agent/blocks/highlighted.ts'
import { markdownTokens } from '../../../src/console/agent/blocks/markdown-tokens.ts'
import { safeAddress } from '../../../src/console/parts/safe-address.ts'
import { visible, visibleLine } from '../../../src/console/parts/visible.ts'

test('only links to web pages and mail addresses are links', () => {
  assert.equal(safeAddress('https://example.com/a b'), 'https://example.com/a%20b')
  assert.equal(safeAddress('mailto:a@example.com'), 'mailto:a@example.com')
  for (const address of [
    'javascript:alert(1)',
    ' javascript:x',
    'data:text/html,x',
    '//example.com',
    '/keys',
    'https://',
  ])
    assert.equal(safeAddress(address), undefined, address)
})

test('text that would take long to read as Markdown is shown as plain text', () => {
  const tangled = [
    '>'.repeat(10_000),
    '- '.repeat(10_000),
    '1. '.repeat(5000),
    '['.repeat(20_000),
    '~a~~'.repeat(5000),
    `${'a-b.c'.repeat(20_000)}@`,
  ]
  const tokens = (text: string) => markdownTokens(text, Lexer)
  for (const text of [...tangled, 'x'.repeat(5_000_000)]) assert.equal(tokens(text), undefined)
  assert.equal(tokens('# Title\n\n- a\n  - b')?.length, 3)
  assert.equal(tokens(`\`\`\`\n${'[<*_'.repeat(1000)}\n\`\`\``)?.[0]?.type, 'code')
})

test('references to characters become characters, and never control the page', () => {
  assert.equal(withCharacters('a &lt;b&gt; &amp;amp; &#65;&#x1F600; &unknown;'), 'a <b> &amp; A😀 &unknown;')
  assert.equal(withCharacters('&#0;&#99999999;'), '\ufffd&#99999999;')
})

test('characters that disguise text are made visible', () => {
  assert.equal(visible('a\u202eb\u001b[31m\u0000\tc\r\nd'), 'a⟨U+202E⟩b␛[31m␀\tc\nd')
  assert.equal(
    visible('l\u200er\u200fa\u061cz\u200b\u00ad\ufeff\u2028'),
    'l⟨U+200E⟩r⟨U+200F⟩a⟨U+061C⟩z⟨U+200B⟩⟨U+00AD⟩⟨U+FEFF⟩⟨U+2028⟩',
  )
  assert.equal(visible('root\u200d \u{e0041}\u200b\u200d'), 'root⟨U+200D⟩ ⟨U+E0041⟩⟨U+200B⟩⟨U+200D⟩')
  for (const text of ['👩\u200d💻 ❤\ufe0f\u200d🔥', 'می\u200cخواهم', '1\ufe0f\u20e3'])
    assert.equal(visible(text), text)
  assert.equal(visibleLine(`a\n${'b'.repeat(5_000_000)}`, 5), 'a bbb…')
})

test('output has the colors of a terminal, and shows hidden text', () => {
  const out = styledOutput(
    '\u001b[1;31mred\u001b[0m \u001b[8mhidden\u001b[0m \u001b]0;title\u0007\u001b[38;2;10;200;10mgreen',
  )
  assert.deepEqual(out[0], { look: 'ansi-bold ansi-red', text: 'red' })
  assert.equal(out.map(({ text }) => text).join(''), 'red hidden green')
  assert.equal(out.at(-1)?.look, 'ansi-green')
  assert.deepEqual(styledOutput('10 %\r50 %\rdone\r\nnext'), [{ look: '', text: 'done\nnext' }])
})

test('highlighted code has the same text, and markup in it stays text', () => {
  const code = 'const a = "<script>alert(1)</script>" // & \'x\''
  const pieces = highlight(code, 'typescript')
  assert.equal(pieces?.map(({ text }) => text).join(''), code)
  assert.ok(pieces?.some(({ look }) => look === 'hljs-string'))
  assert.equal(highlight(code, 'no such language'), undefined)
  for (const html of ['<img src=x>', '<span class="a">', 'a</span>', '<span onclick="x">a</span>'])
    assert.equal(piecesOf(html), undefined, html)
})

test('a comparison has all lines, marks changed words, and folds equal lines', () => {
  const same = Array.from({ length: 20 }, (_, at) => `line ${at}`).join('\n')
  const runs = runsOf(`${same}\nreturn 1 + a\n`, `${same}\nreturn 2 + a\n`)
  const change = runs.find((run) => run.kind === 'changed')
  assert.deepEqual(
    change?.added[0]?.parts.filter(({ isChanged }) => isChanged),
    [{ text: '2', isChanged: true }],
  )
  assert.equal(change?.added[0]?.number, 21)
  const options = { isWide: false, unfolded: new Set<number>() }
  assert.deepEqual(rowsOf(runs, { ...options, isWhole: false })[0], { kind: 'folded', run: 0, count: 17 })
  assert.equal(rowsOf(runs, { ...options, isWhole: true }).length, 22)
  assert.equal(rowsOf(runs, { ...options, isWide: true, isWhole: true }).length, 21)
})
