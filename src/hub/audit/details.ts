import type * as z from 'zod/mini'
import { withoutSecrets } from '../../protocol/index.ts'
import { check } from '../../protocol/schema-check.ts'
import { cut } from '../../protocol/shorten.ts'

/** Maximum number of characters of a text, and of items of a list. */
const TEXT = 200
const ITEMS = 10
/** Maximum nesting. */
const NESTING = 4
/** Approximate maximum length of all details of an order, in characters. */
const TOTAL = 2000

/**
 * Returns the fields of an order for its entry, cut to a maximum length. Omits secrets, and fields that are
 * not in the schema.
 * @param left fields to omit because the entry has them already
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
    // The request will be refused because of this value.
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
    return text.length <= length ? text : `${cut(text, length)}… (${text.length} characters)`
  }
}
