import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expand, fillIn } from '../../../src/config/placeholder.ts'
import type { UserError } from '../../../src/platform/errors.ts'

const env = {
  MACHINE_KEY: 'mk-1',
  EMPTY: '',
  NESTED: '$MACHINE_KEY',
  QUOTED: '"mk-2"',
  HOME: '/home/bob',
  DATA: '/srv/',
}
const fill = (text: string) => fillIn(text, '--key', env)
const expanded = (text: string) => expand(text, '--state-dir', env)

test('a placeholder in any supervisor’s notation is replaced by the value of its variable', () => {
  for (const text of [
    '$MACHINE_KEY',
    `$\{MACHINE_KEY}`,
    '$(MACHINE_KEY)',
    '%(ENV_MACHINE_KEY)s',
    ' $MACHINE_KEY\n',
    '"$MACHINE_KEY"',
    `'$\{MACHINE_KEY}'`,
    '" $MACHINE_KEY "',
  ])
    assert.deepEqual(fill(text), { value: 'mk-1', variable: 'MACHINE_KEY' }, text)
  assert.deepEqual(fill('$QUOTED'), { value: 'mk-2', variable: 'QUOTED' })
})

test('the first part of a path is expanded as in a shell', () => {
  assert.equal(expanded('~/.fomular/key'), '/home/bob/.fomular/key')
  assert.equal(expanded('$HOME/key'), '/home/bob/key')
  assert.equal(expanded(`$\{DATA}/state`), '/srv/state')
  assert.equal(expanded('$HOME'), '/home/bob')
  assert.throws(() => expanded('$NOWHERE/key'), /no variable NOWHERE/)
  for (const text of ['wss://h/~/x', '~bob/key', 'a/$HOME/b', '~']) assert.equal(expanded(text), text)
})

test('text that is not a placeholder stays unchanged, except for quotes around it', () => {
  for (const text of [
    'mk-1',
    'a$MACHINE_KEY',
    '$MACHINE_KEY.x',
    '50%',
    '$',
    '${',
    "it's",
    '$$',
    '$MACHINE_KEY$EMPTY',
    '$2b$10$abc',
    '$1',
    '%MACHINE_KEY%',
    'a%MACHINE_KEY%b',
    '~/key',
    '$HOME/key',
    '`id`',
  ])
    assert.equal(fill(text).value, text)
  assert.equal(fill('"wss://os.example.com"').value, 'wss://os.example.com')
})

test('a placeholder is refused with a remedy if its variable is unset, is empty, or contains another placeholder', () => {
  for (const [text, message, remedy] of [
    ['$NO_SUCH', /^--key: it reads \$NO_SUCH, .*there is no variable NO_SUCH\.$/, /^Set NO_SUCH /],
    [`$\{EMPTY}`, /^--key: it reads \$\{EMPTY\}, .*nothing in the variable EMPTY\.$/, /^Set EMPTY /],
    ['$NESTED', /the variable NESTED is a placeholder itself \(\$M…\), not a value/, /^Set NESTED /],
    ['$(id)', /^--key: it reads \$\(…, .*there is no variable of this name\.$/, /^Set it .*--key-file/],
    ['$aK3yThatBeginsSo', /^--key: it reads \$a…, /, /a file and name it with --key-file/],
    [`$\{MACHINE_KEY}$\{EMPTY}`, /is a placeholder/, /the value itself/],
    [`$\{KEY:-none}`, /is a placeholder/, /the value itself/],
    [`$\{MACHINE_KEY`, /is a placeholder/, /the value itself/],
    ['{{ key }}', /is a placeholder/, /the value itself/],
    ['$(cat /run/key)', /is a placeholder/, /the value itself/],
  ] as const)
    assert.throws(
      () => fill(text),
      (error: UserError) => {
        assert.match(error.message, message)
        assert.match(error.remedy ?? '', remedy)
        return error.exitCode === 2
      },
      text,
    )
})
