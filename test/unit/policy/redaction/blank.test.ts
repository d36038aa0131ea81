import assert from 'node:assert/strict'
import { test } from 'node:test'
import { examinePolicy } from '../../../../src/policy/examine.ts'
import { blanker } from '../../../../src/policy/redaction/blank.ts'

const blanked = (text: string, ...patterns: string[]) => blanker([], patterns)(text)

test('every match of a pattern is blanked, and no other text', () => {
  for (const [text, expected, ...patterns] of [
    ['no secret', 'no secret', 'sk-[a-z]+'],
    ['a sk-abc, a sk-d.', 'a [redacted], a [redacted].', 'sk-[a-z]+'],
    ['call 030-1234 or 12', 'call [redacted] or 12', '\\d{3}-\\d{2,4}'],
    ['Password: Hunter2!', '[redacted]', '(?i)password:\\s*\\S+'],
    ['key=ab key=', '[redacted] key=', 'key=(a|b)+'],
    ['x[y]z \\ ü', 'x[redacted]z [redacted] [redacted]', '\\[[^\\]]*\\]', '\\\\', '\\u00fc'],
    ['aXb\naXb', '[redacted]\n[redacted]', 'a.b'],
    ['a\nb', 'a\nb', 'a.b'],
    ['abcabc!', '[redacted]!', '(abc)+'],
    ['one two', '[redacted]', 'one tw', 'wo'],
    ['AKIA0123456789ABCDEF.', '[redacted].', 'AKIA[0-9A-Z]{16}'],
    ['abbb ac a', '[redacted] [redacted] a', 'ab{2,}', 'ab?c'],
    ['empty', 'empty', 'x*'],
    ['-- a-b', '[redacted] a[redacted]b', '[x-]+'],
  ] as const)
    assert.equal(blanked(text, ...patterns), expected, patterns.join(' '))
})

test('patterns match the same texts as the regular expressions of JavaScript', () => {
  const patterns = ['a+b', '(a|bb)*c', 'a.?b{1,2}', '[^ab]c', '(ab|a)(c|bc)', 'b[a-b]+?a', '(?:a{2})+b?']
  const letters = 'abc'
  for (const pattern of patterns)
    for (let n = 0; n < 3 ** 6; n++) {
      const text = Array.from({ length: 6 }, (_, at) => letters[Math.floor(n / 3 ** at) % 3]).join('')
      const covered = new Set<number>()
      for (let from = 0; from < text.length; from++)
        for (let to = from + 1; to <= text.length; to++)
          if (new RegExp(`^(?:${pattern})$`).test(text.slice(from, to)))
            for (let at = from; at < to; at++) covered.add(at)
      const expected = [...text]
        .map((letter, at) => (covered.has(at) ? '*' : letter))
        .join('')
        .replaceAll(/\*+/g, '[redacted]')
      assert.equal(blanked(text, pattern), expected, `${pattern} in ${text}`)
    }
})

test('the values of variables are blanked, and so are individual lines of values, values in JSON form, and values that are cut off', () => {
  const blank = blanker(['hunter22', 'short', 'a "quoted" one', 'first line\nsecond line'], [])
  assert.equal(blank('is hunter22, short'), 'is [redacted], short')
  assert.equal(blank('{"a":"a \\"quoted\\" one"}'), '{"a":"[redacted]"}')
  assert.equal(blank('> second line'), '> [redacted]')
  assert.equal(blank('first line\nsecond line'), '[redacted]')
  assert.equal(blank('it is hunte…'), 'it is [redacted]…')
  assert.equal(blank('it is hun…'), 'it is hun…')
})

test('matches are found even where a long text is divided', () => {
  for (const length of [16_300, 16_384, 32_760, 70_000]) {
    const text = `${'x'.repeat(length)}sk-${'a'.repeat(60)}`
    assert.equal(
      blanked(text.concat(' '.repeat(50_000)), 'sk-a+').replaceAll(' ', ''),
      `${'x'.repeat(length)}[redacted]`,
    )
  }
})

test('a text with many short matches does not become longer', () => {
  assert.equal(blanked('1 '.repeat(1000), '\\d'), '[redacted]')
})

test('no combination of a text and a pattern blocks the daemon for long', () => {
  for (const [pattern, text] of [
    ['(a+)+b', 'a'.repeat(1_000_000)],
    ['(a|a)*b', 'a'.repeat(1_000_000)],
    ['a*a*a*a*a*b', 'a'.repeat(1_000_000)],
    ['(.*)*x(.*)*y', 'x'.repeat(1_000_000)],
    ['(.*)*x(.*)*y', 'xy'.repeat(500_000)],
    ['[ab]*a[ab]{12}c', 'abbaabab'.repeat(100_000)],
    ['a.{200}b', 'a '.repeat(50_000)],
  ] as const) {
    const started = performance.now()
    blanked(text, pattern)
    const perMebi = ((performance.now() - started) / text.length) * 2 ** 20
    assert.ok(perMebi < 20_000, `${pattern}: ${perMebi} ms for each MiB`)
  }
})

test('patterns that this program cannot match are refused with the reason, when the policy is read', () => {
  const problem = (pattern: string) =>
    examinePolicy(`version = 1\n[redact]\npatterns = ['${pattern}']\n`).problems?.[0]
  for (const [pattern, why] of [
    ['^a', /has \^, which is not supported here/],
    ['(?=a)b', /has \(\?=/],
    ['(a)\\1', /has \\1/],
    ['\\bkey', /has \\b/],
    ['(a', /has a \( without a \)/],
    ['a)', /has a \) without a \(/],
    ['[a', /ends too early/],
    ['[z-a]', /reverse order/],
    ['a**', /has \*, which/],
    ['a{300}', /more than 256 times/],
    ['((a{200}){200}){200}', /too long in total/],
  ] as const) {
    assert.match(problem(pattern)?.message ?? '', why, pattern)
    assert.match(problem(pattern)?.key ?? '', /^redact\.patterns/)
  }
})
