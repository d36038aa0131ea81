import type { Attributes } from './span.ts'

/**
 * Returns the tokens of a turn, as the runtime counts them, with their names in the conventions of OpenTelemetry.
 * There, tokens of the cache are input tokens, too.
 */
export function usageAttributes(usage: Record<string, unknown> | undefined): Attributes {
  if (!usage) return {}
  const count = (name: string) => {
    const value = usage[name]
    return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : 0
  }
  const [read, created] = [count('cache_read_input_tokens'), count('cache_creation_input_tokens')]
  return {
    'gen_ai.usage.input_tokens': count('input_tokens') + read + created,
    'gen_ai.usage.output_tokens': count('output_tokens'),
    'gen_ai.usage.cache_read.input_tokens': read,
    'gen_ai.usage.cache_creation.input_tokens': created,
  }
}
