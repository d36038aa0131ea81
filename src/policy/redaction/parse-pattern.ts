/** Characters, as inclusive ranges of UTF-16 units. */
export type Units = readonly (readonly [from: number, to: number])[]

/** A regular expression that a finite automaton can match. */
export type Pattern =
  | { units: Units }
  | { sequence: Pattern[] }
  | { choice: Pattern[] }
  | { repeat: Pattern; min: number; max: number }

/** Maximum number in a repetition, such as `{2,100}`. */
const REPETITIONS = 256
/** Maximum nesting of groups. */
const DEPTH = 20
const LAST_UNIT = 0xffff
const UNBOUNDED = Number.POSITIVE_INFINITY

const DIGITS: Units = [[48, 57]]
const WORD: Units = [...DIGITS, [65, 90], [95, 95], [97, 122]]
const SPACE: Units = [
  [9, 13],
  [32, 32],
  [160, 160],
  [0x2028, 0x2029],
  [0xfeff, 0xfeff],
]
/** `.`, which matches no line terminator. */
const ANY = without([
  [10, 10],
  [13, 13],
  [0x2028, 0x2029],
])
const CLASSES = new Map<string, Units>([
  ['d', DIGITS],
  ['w', WORD],
  ['s', SPACE],
  ['D', without(DIGITS)],
  ['W', without(WORD)],
  ['S', without(SPACE)],
])
const CONTROLS = new Map([
  ['t', 9],
  ['n', 10],
  ['v', 11],
  ['f', 12],
  ['r', 13],
])

/**
 * Parses a regular expression in the syntax of JavaScript. Refuses assertions (`^`, `$`, `\b`, lookaround)
 * and backreferences, so that the time to search a text depends only on its length. `(?i)` at the beginning
 * ignores case.
 * @throws Error
 */
export function parsePattern(text: string): Pattern {
  const ignoreCase = text.startsWith('(?i)')
  return new PatternReader(ignoreCase ? text.slice(4) : text, ignoreCase).read()
}

class PatternReader {
  readonly #text: string
  readonly #ignoreCase: boolean
  #at = 0
  #depth = 0

  constructor(text: string, ignoreCase: boolean) {
    this.#text = text
    this.#ignoreCase = ignoreCase
  }

  read(): Pattern {
    const pattern = this.#choice()
    if (this.#at < this.#text.length) throw new Error('has a ) without a (')
    return pattern
  }

  #choice(): Pattern {
    const choice = [this.#sequence()]
    while (this.#take(/\|/y)) choice.push(this.#sequence())
    return { choice }
  }

  #sequence(): Pattern {
    const sequence: Pattern[] = []
    while (this.#at < this.#text.length && !/[|)]/.test(this.#text[this.#at]!))
      sequence.push(this.#repeated(this.#atom()))
    return { sequence }
  }

  #repeated(repeat: Pattern): Pattern {
    const sign = this.#take(/[*+?]|\{(\d+)(?:(,)(\d*))?\}/y)
    if (!sign) return repeat
    const [whole, from, comma, to] = sign
    const min = Number(from ?? (whole === '+' ? 1 : 0))
    const most = comma === undefined ? min : to === '' ? UNBOUNDED : Number(to)
    const max = from === undefined ? (whole === '?' ? 1 : UNBOUNDED) : most
    if (min > max) throw new Error('has a repetition whose minimum exceeds its maximum')
    if (min > REPETITIONS || (max > REPETITIONS && max !== UNBOUNDED))
      throw new Error(`repeats more than ${REPETITIONS} times`)
    // Ignore the `?` of a lazy repetition: lazy and greedy repetitions have the same matches, and all matches
    // are blanked.
    this.#take(/\?/y)
    return { repeat, min, max }
  }

  #atom(): Pattern {
    if (this.#take(/\((?:\?:)?(?!\?)/y)) return this.#group()
    if (this.#take(/\[\^/y)) return { units: without(this.#members()) }
    if (this.#take(/\[/y)) return { units: this.#members() }
    if (this.#take(/\./y)) return { units: ANY }
    const refused = this.#take(/\(\?.?|[\^$*+?{]|\\[bBkpP1-9]/y)
    if (refused) throw new Error(`has ${refused[0]}, which is not supported here`)
    return { units: this.#unit() }
  }

  #group(): Pattern {
    if (++this.#depth > DEPTH) throw new Error(`has groups that are nested more than ${DEPTH} levels deep`)
    const pattern = this.#choice()
    if (!this.#take(/\)/y)) throw new Error('has a ( without a )')
    this.#depth--
    return pattern
  }

  /** Reads the part of a character class after the opening bracket, such as `a-z]`. */
  #members(): Units {
    const members: (readonly [number, number])[] = []
    while (!this.#take(/\]/y)) {
      const from = this.#unit()
      if (!this.#take(/-(?!\])/y)) members.push(...from)
      else {
        const [[first], [last]] = [from[0]!, this.#unit()[0]!]
        if (first > last) throw new Error('has a range in reverse order')
        members.push(...this.#cased(first, last))
      }
    }
    return members
  }

  /** Reads a character, or an escape that stands for one or several characters. */
  #unit(): Units {
    const read = this.#take(/\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|([\s\S]))|[^\\]/y)
    if (!read) throw new Error('ends too early')
    const [plain, hex, long, escaped] = read
    const code = hex ?? long
    if (code !== undefined) return this.#cased(Number.parseInt(code, 16))
    if (escaped === undefined) return this.#cased(plain.charCodeAt(0))
    const listed = CLASSES.get(escaped)
    if (listed) return listed
    const control = CONTROLS.get(escaped)
    if (control === undefined && /\w/.test(escaped))
      throw new Error(`has \\${escaped}, which is not supported here`)
    return this.#cased(control ?? escaped.charCodeAt(0))
  }

  /** Returns a range; if case is ignored, also the range's letters in the other case. */
  #cased(from: number, to = from): Units {
    const units: [number, number][] = [[from, to]]
    if (!this.#ignoreCase) return units
    // From A to Z, and from a to z.
    for (const [first, shift] of [
      [65, 32],
      [97, -32],
    ] as const) {
      const [low, high] = [Math.max(from, first), Math.min(to, first + 25)]
      if (low <= high) units.push([low + shift, high + shift])
    }
    return units
  }

  #take(expected: RegExp): RegExpExecArray | undefined {
    expected.lastIndex = this.#at
    const taken = expected.exec(this.#text) ?? undefined
    this.#at += taken?.[0].length ?? 0
    return taken
  }
}

/** Returns all characters that are not in these ranges. */
function without(units: Units): Units {
  const rest: [number, number][] = []
  let next = 0
  for (const [from, to] of [...units].sort(([a], [b]) => a - b)) {
    if (from > next) rest.push([next, from - 1])
    next = Math.max(next, to + 1)
  }
  if (next <= LAST_UNIT) rest.push([next, LAST_UNIT])
  return rest
}
