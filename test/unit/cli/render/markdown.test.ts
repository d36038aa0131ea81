import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Lexer } from 'marked'
import { colors } from '../../../../src/cli/render/ansi.ts'
import { Conversation } from '../../../../src/cli/render/conversation.ts'
import { textWidth } from '../../../../src/cli/render/width.ts'
import { type GivenEvent, onTerminal, render } from '../rendered-conversation.ts'

const deltas = (parts: string[], message_id = 'm'): GivenEvent[] =>
  parts.map((text) => ({ kind: 'text_delta', message_id, block: 0, text }))
/** Returns the events of a text that arrives in these parts. */
const streamed = (parts: string[]): GivenEvent[] => [
  ...deltas(parts),
  { kind: 'text', message_id: 'm', text: parts.join('') },
]
const whole = (text: string): GivenEvent[] => [{ kind: 'text', text }]

const TEXT = `# A title

Some **bold words**, *emphasis*, \`code\`, and [a link](https://example.com/x), in a line that is wrapped.
2 * 3 * 4 and snake_case_name and ~5 and https://example.com/y stay.

- an item that is long enough to be wrapped by the terminal
  goes on
  - an inner item
* [ ] to do
10. ten

> a quotation that is long enough to be wrapped, too
> > inner

\`\`\`ts
const x = 1

  if (x) f('a line of code that is wider than the terminal is')
\`\`\`

| Name | Size |
|------|-----:|
| \`a\` | **1** |
| a cell that has to be wrapped in its column | 22 |

---
    indented code
日本語の文章は空白がないので、どこでも折り返すことができます。
`

const ROWS = `A title

Some bold words, emphasis, code, and a
link (https://example.com/x), in a line
that is wrapped.
2 * 3 * 4 and snake_case_name and ~5 and
https://example.com/y stay.

- an item that is long enough to be
  wrapped by the terminal
  goes on
  - an inner item
- [ ] to do
10. ten

│ a quotation that is long enough to be
│ wrapped, too
│ │ inner

    const x = 1

      if (x) f('a line of code that is
    ↳  wider than the terminal is')

Name                                Size
──────────────────────────────────  ────
a                                      1
a cell that has to be wrapped in      22
its column

────────────────────────────────────────
    indented code
日本語の文章は空白がないので、どこでも折
り返すことができます。
`

test('a text in Markdown is drawn in rows that fit the terminal', () => {
  assert.equal(onTerminal(whole(TEXT), 40), ROWS)
  for (const width of [12, 23, 40, 81])
    for (const row of onTerminal(whole(TEXT), width).split('\n'))
      assert.ok(textWidth(row) <= width, `${width}: ${row}`)
})

test('a text that arrives in parts looks like the same text in one piece, and no part is shown twice', () => {
  for (const size of [1, 2, 3, 7, 50]) {
    const parts = TEXT.match(new RegExp(`[\\s\\S]{1,${size}}`, 'g'))!
    assert.equal(onTerminal(streamed(parts), 40, true), onTerminal(whole(TEXT), 40, true), `${size}`)
  }
})

test('the two characters that end a line may arrive in two parts', () => {
  assert.equal(onTerminal(streamed(['a\r', '\n- b\r', '\n']), 40), 'a\n- b\n')
  assert.equal(onTerminal(streamed(['a\r']), 40), 'a␍\n')
})

test('words appear as they arrive, and a styled part appears when it is complete', () => {
  const conversation = new Conversation(colors(false), () => 40, Lexer)
  const shown = ['I will', ' read **all', ' files**', ' of it\n- an', ' item'].map((text, index) =>
    conversation.event({ kind: 'text_delta', message_id: 'm', block: 0, text, offset: index, index: 0 }),
  )
  assert.deepEqual(shown, ['I', ' will read', '', ' all files of it\n- ', 'an'])
})

test('styles follow Markdown', () => {
  const styled = (text: string) => onTerminal(whole(text), 80, true)
  assert.equal(styled('# T'), '\x1b[1mT\x1b[22m\n')
  assert.equal(styled('a **b** *i* `c`'), 'a \x1b[1mb\x1b[22m \x1b[3mi\x1b[23m \x1b[36mc\x1b[39m\n')
  assert.equal(styled('[a](http://b)'), 'a \x1b[2m(http://b)\x1b[22m\n')
  assert.equal(styled('<http://b> c@d.e'), 'http://b c@d.e\n')
})

test('a text that other output interrupts continues after that output', () => {
  const prompt: GivenEvent = { kind: 'user', content: 'And?', prompt_id: 'p' }
  const [text, end] = ['```\na\nb', '\nc\n```\nDone **now**.']
  assert.equal(
    onTerminal(
      [...deltas([text]), prompt, ...deltas([end]), { kind: 'text', message_id: 'm', text: text + end }],
      40,
    ),
    '    a\n    b\n> And?\n    c\nDone now.\n',
  )
  assert.equal(onTerminal([...deltas(['a **b']), prompt, ...deltas(['c** d'])], 40), 'a **b\n> And?\nc** d\n')
})

test('no text in Markdown can control the terminal, or takes a time that grows with the square of its length', () => {
  const evil = '\x1b]52;c;aGk=\x07\x1b[2J'
  const texts = [
    evil,
    `# ${evil}`,
    `**${evil}** \`${evil}\` [${evil}](http://${evil}) &#27;[2J &#x9b;2J`,
    `| ${evil} |\n|--|\n| &#27;[2J |\n`,
    `\`\`\`${evil}\n${evil}\n`,
    `> ${evil}`,
  ]
  for (const text of texts)
    for (const events of [whole(text), streamed([...text])])
      assert.doesNotMatch(
        onTerminal(events, 40, true).replace(/\x1b\[(?:1|2|3|22|23|36|39)m/g, ''),
        /[\x00-\x09\x0b-\x1f\x7f-\x9f]/,
        JSON.stringify(text),
      )
  // These texts take long if the time grows with the square of their lengths.
  for (const part of ['*a ', '[', '`', '> ', '- ', '_a_*', '| a ', '<a', '\\', '&#', '~', '#'])
    for (const events of [whole(part.repeat(20_000)), deltas(Array.from({ length: 2000 }, () => part))])
      onTerminal(events, 40)
})

test('programs get the text unchanged', () => {
  assert.equal(render(streamed([...TEXT]), true), `${TEXT}\n`)
  assert.equal(render(whole(TEXT)), `${TEXT}\n`)
})
