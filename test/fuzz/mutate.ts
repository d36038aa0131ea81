import type { Random } from '../chaos/random.ts'

/** Strings with a special meaning to parsers, file systems, terminals, or JavaScript. */
const STRINGS = [
  '',
  ' ',
  '\0',
  '__proto__',
  'constructor',
  'toString',
  '..',
  '../../etc/passwd',
  '/',
  '.removed',
  'a'.repeat(1025),
  'é'.repeat(5000),
  '\ud800',
  '\udc00\ud800',
  '\u202e\u2066\u200b\ufeff',
  '\x1b]0;title\x07\x1b[2J',
  '\x9b31m\x85\u2028',
  '\r\n\r\nHTTP/1.1 200 OK\r\n',
  '1e999',
  '-1',
  'NaN',
  '0123456789abcdef0123456789abcdef',
  '9999-99-99T99:99:99.999Z',
  '+275760-09-13T00:00:00.001Z',
  '$(touch x)`touch x`;%s%n',
  'idle',
  'latest',
  'git+http://127.0.0.1/x',
]

const NUMBERS = [0, -0, -1, 1, 0.1, 2 ** 31, -(2 ** 31), 2 ** 53, 2 ** 53 + 2, 2 ** 63, 1e300, -1e300, 1e-320]

/** A changed value is large with a probability of 1 in `LARGE`. */
const LARGE = 400

function deep(random: Random): unknown {
  let value: unknown = 1
  for (let n = random.pick([10, 999, 1001, 3000]); n > 0; n--)
    value = random.chance(0.5) ? [value] : { a: value }
  return value
}

function large(random: Random): unknown {
  const n = random.pick([1000, 10_000, 70_000])
  if (random.chance(0.3)) return 'x'.repeat(n * 20)
  if (random.chance(0.3)) return Object.fromEntries(Array.from({ length: n }, (_, i) => [`k${i}`, i]))
  return random.chance(0.5) ? deep(random) : Array(n).fill(random.pick([1, '', [], {}, null]))
}

/** Returns a value that is probably unexpected. */
export function junk(random: Random): unknown {
  if (random.chance(1 / LARGE)) return large(random)
  return random.weighted({ string: 5, number: 4, other: 4 }) === 'string'
    ? random.pick(STRINGS)
    : random.chance(0.5)
      ? random.pick(NUMBERS)
      : random.pick([null, true, false, [], {}, [[]], [null], { a: 1 }, { type: 'x' }, [{}, 1]])
}

type Holder = Record<string, unknown> | unknown[]
const isHolder = (value: unknown): value is Holder => typeof value === 'object' && value !== null

/** Returns every object and array in a value, including the value itself. */
function holders(value: unknown, found: Holder[] = []): Holder[] {
  if (!isHolder(value)) return found
  found.push(value)
  for (const inner of Object.values(value)) holders(inner, found)
  return found
}

const set = (holder: Holder, key: string, value: unknown) =>
  Object.defineProperty(holder, key, { value, enumerable: true, configurable: true, writable: true })

/** Returns a copy with a few values replaced, removed, duplicated, or moved. */
export function mutated(value: unknown, random: Random, other: unknown = value): unknown {
  const copy = { value: structuredClone(value) }
  let repeated = false
  for (let n = random.pick([1, 1, 1, 2, 3, 6]); n > 0; n--) {
    const holder = random.pick(holders(copy))
    const keys = Object.keys(holder)
    const key = keys.length > 0 ? random.pick(keys) : 'added'
    const at = holder[key as keyof Holder] as unknown
    switch (
      random.weighted({
        junk: 8,
        drop: 4,
        add: 2,
        rename: 1,
        wrap: 1,
        repeat: 1,
        take: 2,
        number: 2,
        text: 3,
      })
    ) {
      case 'junk':
        set(holder, key, junk(random))
        break
      case 'drop':
        delete holder[key as keyof Holder]
        break
      case 'add':
        set(holder, random.pick(STRINGS), junk(random))
        break
      case 'rename':
        delete holder[key as keyof Holder]
        set(holder, random.pick(STRINGS), at)
        break
      case 'wrap':
        set(holder, key, random.chance(0.5) ? [at] : { [key]: at })
        break
      case 'repeat':
        // Repeats only one value, because nested repetitions would make the text too large.
        if (!repeated) set(holder, key, Array(random.pick([2, 3, 20])).fill(at))
        repeated = true
        break
      case 'take': {
        const from = random.pick(holders({ other }))
        set(holder, key, structuredClone(random.pick(Object.values(from)) ?? null))
        break
      }
      case 'number':
        if (typeof at === 'number') set(holder, key, at + random.pick([-1, 1, 0.5, 1e9]))
        break
      case 'text':
        if (typeof at === 'string') set(holder, key, spliced(at, random.pick(STRINGS), random))
    }
  }
  return copy.value
}

function spliced(text: string, into: string, random: Random): string {
  const at = random.int(0, text.length)
  return text.slice(0, at) + into + text.slice(random.chance(0.5) ? at : random.int(at, text.length))
}

const BYTES = [
  '\0',
  '\n',
  '"',
  '\\',
  '\\u',
  '\\ud800',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  ' ',
  '1e999',
  '\x1b',
  '\xff',
  '\xc3',
]

/** Changes bytes, as a torn write or a malicious peer would do. */
export function damaged(bytes: Buffer, random: Random): Buffer {
  let now = bytes
  for (let n = random.pick([1, 1, 2, 5]); n > 0; n--) {
    const at = random.int(0, now.length)
    const to = Math.min(now.length, at + random.pick([0, 1, 2, 16, 200]))
    switch (random.weighted({ flip: 3, insert: 3, cut: 2, drop: 2, double: 1 })) {
      case 'flip':
        now = Buffer.from(now)
        if (at < now.length) now[at] = now[at]! ^ (1 << random.int(0, 7))
        break
      case 'insert':
        now = Buffer.concat([
          now.subarray(0, at),
          Buffer.from(random.pick(BYTES), 'latin1'),
          now.subarray(at),
        ])
        break
      case 'cut':
        now = now.subarray(0, at)
        break
      case 'drop':
        now = Buffer.concat([now.subarray(0, at), now.subarray(to)])
        break
      case 'double':
        now = Buffer.concat([now.subarray(0, to), now.subarray(at)])
    }
  }
  return now
}

/** Returns a value as JSON, sometimes with a duplicate key or damaged bytes. */
export function written(value: unknown, random: Random): Buffer {
  let text = JSON.stringify(value) ?? 'null'
  if (random.chance(0.03))
    text = text.replace(/"(\w+)":/, (key) => `${key}${JSON.stringify(junk(random))},${key}`)
  if (random.chance(0.02)) text = text.replace(/:/g, ' :\t').replace(/"t/, '"\\u0074')
  const bytes = Buffer.from(text)
  return random.chance(0.15) ? damaged(bytes, random) : bytes
}

/** Returns an input from `make`, usually damaged. */
export function spoilt(make: (random: Random) => unknown, random: Random): Buffer {
  const value = make(random)
  return written(random.chance(0.15) ? value : mutated(value, random, make(random)), random)
}
