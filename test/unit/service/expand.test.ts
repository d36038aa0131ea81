import assert from 'node:assert/strict'
import { test } from 'node:test'
import { environmentLine, expandCommand, parseEnvironment } from '../../../src/service/expand.ts'

const ofVariable = (name: string) => `\${${name}}`

test('variables in a command line are replaced as systemd replaces them', () => {
  const environment = { KEY: 'a b', EMPTY: '' }
  assert.deepEqual(
    expandCommand(
      ['--key', ofVariable('KEY'), '$KEY', 'x$KEY', '$$KEY', '$EMPTY', ofVariable('GONE')],
      environment,
    ),
    ['--key', 'a b', 'a', 'b', 'x$KEY', '$KEY', ''],
  )
})

test('reading an environment file returns the values that were written to it', () => {
  const values = { PLAIN: 'a/b', ODD: 'a "b" $c `d` \\e', LINES: 'a\nb', EMPTY: '', QUOTE: "it's" }
  const text = Object.entries(values)
    .map(([name, value]) => environmentLine(name, value))
    .join('')
  assert.deepEqual(parseEnvironment(`# comment\n; another\n${text}`), values)
  assert.deepEqual(parseEnvironment("A='b c'\nB=d e  \nnot a line\n"), { A: 'b c', B: 'd e' })
})
