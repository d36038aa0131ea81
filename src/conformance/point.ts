import { reasonOf } from '../platform/errors.ts'

/** `core`: daemons fail or lose activity if the rule is broken. `optional`: any other rule of the page. */
export type Level = 'core' | 'optional'

/** A rule of the protocol page, with a check of whether the other side follows it. */
export interface Point<Context> {
  /** Stable name for programs. */
  name: string
  level: Level
  /** The requirement, in a sentence. */
  rule: string
  /** Heading of the section of the protocol page that has the rule. */
  section: string
  /** @throws Unmet if the rule does not hold, Untested if it cannot be checked */
  check(context: Context): Promise<void>
}

export interface Verdict {
  name: string
  level: Level
  rule: string
  section: string
  result: 'holds' | 'fails' | 'untested'
  /** Observed behavior, or the reason why the rule was not checked. */
  detail?: string
}

/** The other side does not follow a rule. The message describes its behavior. */
export class Unmet extends Error {}

/** A rule could not be checked. The message says why. */
export class Untested extends Error {}

/** Maximum time to check one point, in ms. */
const POINT_MS = 60_000

/**
 * Checks each point in turn, and reports its verdict.
 * @param wholeMs time after which no further point is checked, in ms
 */
export async function judge<Context>(
  points: Point<Context>[],
  context: Context,
  { wholeMs, tell }: { wholeMs: number; tell(verdict: Verdict): void },
): Promise<Verdict[]> {
  const verdicts: Verdict[] = []
  const end = performance.now() + wholeMs
  let blocked: string | undefined
  for (const point of points) {
    const { name, level, rule, section } = point
    const late = performance.now() > end ? 'there was no time left' : undefined
    const reason = blocked ?? late
    const outcome = reason === undefined ? await tried(point, context) : untested(reason)
    const verdict: Verdict = { name, level, rule, section, ...outcome }
    if (outcome.result === 'fails' && BASIC.includes(name)) blocked ??= `${name} fails`
    verdicts.push(verdict)
    tell(verdict)
  }
  return verdicts
}

/** If one of these points fails, no other point can be checked. */
const BASIC = ['upgrade', 'welcome', 'connects', 'hello']

const untested = (detail: string) => ({ result: 'untested' as const, detail })

async function tried<Context>(
  { check }: Point<Context>,
  context: Context,
): Promise<Pick<Verdict, 'result' | 'detail'>> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Unmet(`not finished after ${POINT_MS / 1000} s`)), POINT_MS)
  })
  try {
    await Promise.race([check(context), late])
    return { result: 'holds' }
  } catch (error) {
    if (error instanceof Untested) return untested(error.message)
    // Any other error is a consequence of the other side's fault: this point fails, and the run continues.
    return { result: 'fails', detail: reasonOf(error) }
  } finally {
    clearTimeout(timer)
  }
}
