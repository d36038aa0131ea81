import type * as z from 'zod/mini'
import { check } from '../../protocol/check.ts'
import { withoutSecrets } from '../../protocol/index.ts'

/** Characters of a text, and items of a list, that are kept. */
const TEXT = 200
const ITEMS = 10
/** Deepest nesting that is kept. */
const NESTING = 4
/** Characters of all that is kept of an order, roughly. */
const TOTAL = 2000

/**
 * What is kept of an order's fields: without secrets, without fields that its schema does not name, and cut to a length.
 * @param left out fields that the entry has anyway
 */
export function detailsOf(
  { shape }: { shape: Readonly<Record<string, z.core.$ZodType>> },
  body: object,
  left: readonly string[],
): Record<string, unknown> | undefined {
  const cutter = new Cutter()
  const kept = Object.entries(body).flatMap(([name, value]) => {
    if (left.includes(name) || value === undefined || !Object.hasOwn(shape, name)) return []
    const checked = check(shape[name] as z.ZodMiniType, value)
    // It is refused for that.
    if (!checked.success) return []
    return [[name, cutter.cut(withoutSecrets(shape[name]!, checked.data))] as const]
  })
  return kept.length === 0 ? undefined : Object.fromEntries(kept)
}

class Cutter {
  #left = TOTAL

  cut(value: unknown, depth = 0): unknown {
    if (typeof value === 'string') return this.#text(value, TEXT)
    if (typeof value !== 'object' || value === null) {
      this.#left -= 4
      return value
    }
    if (depth >= NESTING || this.#left <= 0) return '…'
    if (Array.isArray(value)) {
      const items = value.slice(0, ITEMS).map((item) => this.cut(item, depth + 1))
      return value.length > ITEMS ? [...items, `… ${value.length - ITEMS} more`] : items
    }
    const all = Object.entries(value)
    const kept = all
      .slice(0, ITEMS)
      .map(([name, field]) => [this.#text(name, TEXT / 4), this.cut(field, depth + 1)] as const)
    if (all.length > ITEMS) kept.push(['…', `${all.length - ITEMS} more`])
    return Object.fromEntries(kept)
  }

  #text(text: string, most: number): string {
    const length = Math.max(0, Math.min(most, this.#left))
    this.#left -= Math.min(text.length, length) + 4
    return text.length <= length ? text : `${text.slice(0, length)}… (${text.length} characters)`
  }
}
