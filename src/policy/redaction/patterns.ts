import * as z from 'zod/mini'
import { build } from './build.ts'
import { parsePattern } from './parse-pattern.ts'

/** Maximum length of a pattern, in characters. */
const PATTERN_CHARS = 1024
/** Maximum number of patterns. */
const PATTERNS = 100

/** Patterns that `blanker` accepts. */
export const Patterns = z.array(z.string().check(z.minLength(1), z.maxLength(PATTERN_CHARS))).check(
  z.maxLength(PATTERNS),
  z.check<string[]>(({ value, issues }) => {
    const parsed = value.flatMap((pattern, index) => {
      try {
        return parsePattern(pattern)
      } catch (error) {
        issues.push({
          code: 'custom',
          path: [index],
          input: pattern,
          message: `the pattern ${(error as Error).message}`,
        })
        return []
      }
    })
    try {
      build(parsed)
    } catch (error) {
      issues.push({ code: 'custom', input: value, message: `the patterns ${(error as Error).message}` })
    }
  }),
)
