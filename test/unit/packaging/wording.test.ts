import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { findings } from '../../../packaging/wording.ts'

const words = (path: string, text: string) =>
  findings(path, text).map(({ line, phrase }) => `${line} ${phrase}`)

describe('the wording check', () => {
  test('the wording check reads comments, and names the line of a phrase', () => {
    assert.deepEqual(
      words('src/a.ts', '/**\n * Reads `anew`, a file,\n * anew.\n */\n// whoever asks `anew`\n'),
      ['3 anew', '5 whoever'],
    )
  })

  test('the wording check reads sentences in strings of the program, including templates', () => {
    const code = '$' + '{code}'
    const text = `const code = 'anew'
fail('the file is to be read')
fail(\`the file ${code} is read anew\`)
`
    assert.deepEqual(words('src/a.ts', text), ['2 is to be', '3 anew'])
  })

  test('the wording check reads the titles of tests, but no other strings of a test', () => {
    const text = "test('whoever asks', () => {\n  assert.match(out, 'it is read anew here')\n})\n"
    assert.deepEqual(words('test/a.test.ts', text), ['1 whoever'])
  })

  test('the wording check reads pages and scripts, but not the code in a page', () => {
    assert.deepEqual(words('README.md', 'It `anew` begins anew.\n```\nwhoever\n```\n'), ['1 anew'])
    assert.deepEqual(words('a.sh', '#!/bin/sh\necho "it starts anew" # whoever asks\n'), ['2 whoever'])
  })

  test('the wording check refuses a documentation comment that does not begin with its subject', () => {
    assert.deepEqual(words('src/a.ts', '/** Whether it runs. */\n/* How long. */\n'), ['1 Whether'])
  })

  test('the wording check refuses British spellings', () => {
    assert.deepEqual(words('src/a.ts', '// the behaviour of a colour'), ['1 behaviour', '1 colour'])
  })
})
