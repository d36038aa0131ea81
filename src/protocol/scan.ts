import type { Oversized } from './oversized.ts'
import { type Bounds, FREE, KIND, kindNames, kindOf, type Rule } from './rules.ts'
import { BYTE, isLonger, skipContainer, skipScalar, skipSpace, skipString, textOf } from './tokens.ts'

export interface Fault {
  message: string
  path: (string | number)[]
}

const SHORT = 32

/** Maximum length of a key that is looked up, in bytes. */
const KEY_BYTES = 256

/**
 * Checks a frame before it is parsed. Reads each byte once, and stops at the first fault: a kind of value
 * that its rule does not allow, or a value that exceeds a limit. Stores no part of the frame, and recurses
 * only as deep as the rules are nested. Does not report text that is not JSON, because the parser reports it.
 */
export class Scan {
  readonly #bytes: Uint8Array
  #bounds: Bounds
  /**
   * The path to `#at`. For each key, it contains the key's start and end; for each item of an array, -1 and
   * the item's index.
   */
  readonly #way: number[] = []
  #at = 0
  #depth = 0
  #values = 0
  fault: Fault | undefined
  /** Objects that exceed their separate bounds. They are not faults of the frame. */
  readonly apart: Oversized[] = []
  /** Place of an array that its rule marks. Of several such arrays, the last one. */
  kept: { start: number; end: number } | undefined

  constructor(bytes: Uint8Array, bounds: Bounds) {
    this.#bytes = bytes
    this.#bounds = bounds
  }

  /**
   * Reads the next value. @returns the position after the value; undefined if the value has a fault or is not
   * JSON
   */
  value(rule: Rule): number | undefined {
    const kind = kindOf(this.#next())
    if (kind === 0) return undefined
    if ((rule.is & kind) === 0)
      return this.#wrong(`Invalid input: expected ${kindNames(rule.is)}, received ${kindNames(kind)}`)
    if (rule.bounds) return this.#bounded(rule.bounds)
    switch (kind) {
      case KIND.string:
        return this.#string(rule)
      case KIND.object:
        return rule.fields || rule.rest ? this.#container(rule, BYTE.closeBrace) : this.#free()
      case KIND.array:
        return rule.rest ? this.#container(rule, BYTE.closeBracket) : this.#free()
      default:
        return this.#moved(skipScalar(this.#bytes, this.#at))
    }
  }

  #string({ chars }: Rule): number | undefined {
    const start = this.#at
    const end = skipString(this.#bytes, start)
    if (end === 0) return undefined
    if (end - start - 2 > chars && isLonger(this.#bytes, start + 1, end - 1, chars))
      return this.#wrong(`Too big: expected string to have <=${chars} characters`)
    return this.#moved(end)
  }

  /** Reads an object or array whose parts have rules. */
  #container(rule: Rule, close: number): number | undefined {
    if (++this.#depth > this.#bounds.nesting) return this.#wrong(this.#tooDeep, [])
    const start = this.#at++
    if (this.#next() !== close)
      for (let count = 0; ; count++) {
        if (count >= rule.items) return this.#wrong(`Too big: expected at most ${rule.items} items`)
        if (++this.#values > this.#bounds.values) return this.#wrong(this.#tooMany, [])
        const part = close === BYTE.closeBrace ? this.#field(rule) : this.#item(rule, count)
        if (!part || this.value(part) === undefined) return undefined
        this.#way.pop()
        this.#way.pop()
        const after = this.#next()
        if (after === close) break
        if (after !== BYTE.comma) return undefined
        this.#at++
      }
    this.#depth--
    if (rule.isKept) this.kept = { start, end: this.#at + 1 }
    return this.#moved(this.#at + 1)
  }

  #item(rule: Rule, count: number): Rule {
    this.#way.push(-1, count)
    return rule.rest ?? FREE
  }

  /** Reads a key and returns the rule of its field; undefined if there is no key. */
  #field(rule: Rule): Rule | undefined {
    const bytes = this.#bytes
    if (this.#next() !== BYTE.quote) return undefined
    const start = this.#at
    const end = skipString(bytes, start)
    if (end === 0) return undefined
    this.#at = end
    if (this.#next() !== BYTE.colon) return undefined
    this.#at++
    this.#way.push(start, end)
    return rule.fields ? (this.#named(rule.fields, start, end) ?? FREE) : rule.rest
  }

  /**
   * Returns a field's rule by the bytes of its key. Decodes a key only if it contains escapes, because a name
   * may be written with escapes.
   */
  #named(fields: NonNullable<Rule['fields']>, start: number, end: number): Rule | undefined {
    const bytes = this.#bytes
    const length = end - start - 2
    if (length > KEY_BYTES) return undefined
    const candidates = fields[length]
    for (let n = 0; candidates && n < candidates.length; n++) {
      const { key, rule } = candidates[n]!
      let at = 0
      while (at < length && bytes[start + 1 + at] === key[at]) at++
      if (at === length) return rule
    }
    if (!bytes.subarray(start, end).includes(BYTE.backslash)) return undefined
    const name = textOf(bytes, start, end) ?? ''
    return fields[name.length]?.find((field) => field.name === name)?.rule
  }

  /**
   * Reads a value with separate bounds. If the value exceeds its bounds, adds it to `apart` and continues after
   * it.
   */
  #bounded(own: Bounds): number | undefined {
    const [bounds, values, depth, start] = [this.#bounds, this.#values, this.#depth, this.#at]
    this.#bounds = own
    this.#values = 0
    const end = this.#free()
    const reason = this.fault && (this.fault.message === this.#tooDeep ? 'too_deep' : 'too_long')
    this.#bounds = bounds
    this.#values = values
    if (end !== undefined || !reason) return end
    const behind = skipContainer(this.#bytes, start)
    if (behind === undefined) return undefined
    this.fault = undefined
    this.#depth = depth
    this.apart.push({ start, end: behind, reason })
    return this.#moved(behind)
  }

  /** Reads an object or array that may contain anything. */
  #free(): number | undefined {
    const bytes = this.#bytes
    const { nesting, values } = this.#bounds
    const outer = this.#depth
    let depth = outer
    let count = this.#values
    let at = this.#at
    for (; depth <= nesting && count <= values; at++) {
      const byte = bytes[at]
      if (byte === BYTE.quote) {
        // Most strings are short: read short strings without a function call.
        let end = at + 1
        const stop = at + SHORT
        while (end < stop && bytes[end] !== BYTE.quote && bytes[end] !== BYTE.backslash) end++
        if (bytes[end] !== BYTE.quote || end === stop) {
          end = skipString(bytes, at)
          if (end === 0) return undefined
          end--
        }
        at = end
      } else if (byte === BYTE.comma) count++
      else if (byte === BYTE.openBracket || byte === BYTE.openBrace) {
        depth++
        count++
      } else if (byte === BYTE.closeBracket || byte === BYTE.closeBrace) {
        if (--depth > outer) continue
        this.#values = count
        return this.#moved(at + 1)
      } else if (byte === undefined) return undefined
    }
    return this.#wrong(depth > nesting ? this.#tooDeep : this.#tooMany, [])
  }

  get #tooDeep() {
    return `nested more than ${this.#bounds.nesting} levels deep`
  }

  get #tooMany() {
    return `more than ${this.#bounds.values} values`
  }

  #next(): number | undefined {
    this.#at = skipSpace(this.#bytes, this.#at)
    return this.#bytes[this.#at]
  }

  #moved(at: number): number {
    this.#at = at
    return at
  }

  #wrong(message: string, way: readonly number[] = this.#way): undefined {
    const path: Fault['path'] = []
    for (let n = 0; n < way.length; n += 2) {
      const [start, end] = [way[n]!, way[n + 1]!]
      path.push(start === -1 ? end : (textOf(this.#bytes, start, Math.min(end, start + KEY_BYTES)) ?? '…'))
    }
    this.fault = { message, path }
    return undefined
  }
}
