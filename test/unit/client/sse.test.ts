import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type SseMessage, SseParser } from '../../../src/client/sse.ts'

const read = (...chunks: string[]) => {
  const parser = new SseParser()
  return chunks.flatMap((chunk) => parser.push(Buffer.from(chunk)))
}

test('SSE messages have an event, data and an id', () => {
  assert.deepEqual(read(':hello\n\nevent: activity\nid: 12.0\ndata: {"a":1}\n\ndata: plain\n\n'), [
    { event: 'activity', id: '12.0', data: '{"a":1}' },
    { event: 'message', id: '12.0', data: 'plain' },
  ])
})

test('SSE data may have several lines and any line ending, and unknown fields are ignored', () => {
  assert.deepEqual(read('data:one\r\ndata: two\rretry: 5\nnonsense\r\n\r\n', 'event: empty\n\n'), [
    { event: 'message', id: '', data: 'one\ntwo' },
  ])
})

test('an unfinished SSE message is ignored', () => {
  assert.deepEqual(read('data: torn\n'), [])
})

test('the SSE parser limits the size of a line and a message, but not their number', () => {
  const parser = new SseParser(100)
  const line = Buffer.from(`data: ${'x'.repeat(60)}\n`)
  for (let n = 0; n < 1000; n++) assert.equal(parser.push(Buffer.concat([line, Buffer.from('\n')])).length, 1)
  for (let n = 0; n < 1000; n++) parser.push(Buffer.from(`event: ${n}\n: ${'x'.repeat(60)}\n`))
  parser.push(line)
  assert.throws(() => parser.push(line), RangeError)
  for (const endless of ['data: x', 'id', ':', 'x'.repeat(10)])
    assert.throws(() => {
      const other = new SseParser(100)
      for (let n = 0; n < 200; n++) other.push(Buffer.from(endless))
    }, RangeError)
})

test('an incomplete SSE message takes a bounded amount of memory, for any number and size of lines', () => {
  const parser = new SseParser()
  const lines = Buffer.from('data:x\n'.repeat(10_000))
  assert.throws(() => {
    for (let n = 0; n < 200; n++) parser.push(lines)
  }, /more than 1000000 lines/)

  // Complete messages and keep-alives never exceed this limit, no matter how many there are or where they are
  // cut.
  const stream = new SseParser()
  const many = Buffer.from('data:x\n\n:\n\n'.repeat(10_000))
  for (let n = 0; n < 40; n++) {
    const cut = n % 12
    const got = [...stream.push(many.subarray(0, cut)), ...stream.push(many.subarray(cut))]
    assert.equal(got.length, 10_000)
  }
})

test('reading an SSE line takes only a few passes over its text, for chunks of any size', (t) => {
  let scanned = 0
  for (const name of ['split', 'replace', 'includes', 'indexOf'] as const) {
    const original = String.prototype[name] as (...args: unknown[]) => unknown
    Object.assign(String.prototype, {
      [name](this: string, ...args: unknown[]) {
        scanned += this.length
        return original.apply(this, args)
      },
    })
    t.after(() => void Object.assign(String.prototype, { [name]: original }))
  }
  for (const size of [100, 1000, 100_000]) {
    const parser = new SseParser()
    const chunk = Buffer.alloc(size, 'x')
    const chunks = Math.ceil((8 * 1024 * 1024) / size)
    scanned = 0
    parser.push(Buffer.from('data: '))
    for (let n = 0; n < chunks; n++) parser.push(chunk)
    const [message] = parser.push(Buffer.from('\n\n'))
    assert.equal(message?.data.length, chunks * size)
    const passes = scanned / (chunks * size)
    assert.ok(passes < 10, `${passes} passes in chunks of ${size} bytes`)
  }
})

test('SSE messages are the same for any split of the stream', () => {
  const line = fc.stringMatching(/^[^\r\n\0]*$/)
  const message = fc.record({ event: line, id: line, data: fc.array(line, { minLength: 1, maxLength: 3 }) })
  const end = fc.constantFrom('\n', '\r\n', '\r')
  fc.assert(
    fc.property(
      fc.array(message, { maxLength: 5 }),
      end,
      fc.infiniteStream(fc.integer({ min: 1, max: 7 })),
      (messages, eol, cuts) => {
        const text = messages
          .map(({ event, id, data }) =>
            [`event: ${event}`, `id: ${id}`, ...data.map((part) => `data: ${part}`), '', ''].join(eol),
          )
          .join('')
        const bytes = Buffer.from(text)
        const parser = new SseParser()
        const got: SseMessage[] = []
        for (let at = 0; at < bytes.length; ) {
          const size = cuts.next().value as number
          got.push(...parser.push(bytes.subarray(at, at + size)))
          at += size
        }
        assert.deepEqual(
          got,
          messages.map(({ event, id, data }) => ({
            event: utf8(event) || 'message',
            id: utf8(id),
            data: utf8(data.join('\n')),
          })),
        )
      },
    ),
    { numRuns: 300 },
  )
})

/** Encodes text as the network does: half a surrogate pair becomes a replacement character. */
const utf8 = (text: string) => Buffer.from(text).toString('utf8')
