import { reasonOf } from '../platform/errors.ts'

/** `core`: without it daemons cannot work, or activity is lost. `optional`: the page asks for it, and daemons get by without. */
export type Level = 'core' | 'optional'

/** One rule of the protocol page, and how to find out whether the other side keeps to it. */
export interface Point<Context> {
  /** Stable, for programs. */
  name: string
  level: Level
  /** What the page asks for, in a sentence. */
  rule: string
  /** Heading of the protocol page that says so. */
  section: string
  /** @throws Unmet where the rule does not hold, Untested where it cannot be tried */
  check(context: Context): Promise<void>
}

export interface Verdict {
  name: string
  level: Level
  rule: string
  section: string
  result: 'holds' | 'fails' | 'untested'
  /** What was seen instead, or why it was not tried. */
  detail?: string
}

/** The other side does not keep to a rule. The message says what was seen. */
export class Unmet extends Error {}

/** A rule could not be tried. The message says why. */
export class Untested extends Error {}

/** Maximum duration of one point, in ms. */
const POINT_MS = 60_000

/** Tries each point in turn, and tells of it. @param wholeMs after which the rest is not tried any more */
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

/** Without these nothing else can be tried. */
const BASIC = ['upgrade', 'welcome', 'connects', 'hello']

const untested = (detail: string) => ({ result: 'untested' as const, detail })

async function tried<Context>(
  { check }: Point<Context>,
  context: Context,
): Promise<Pick<Verdict, 'result' | 'detail'>> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Unmet(`no end after ${POINT_MS / 1000} s`)), POINT_MS)
  })
  try {
    await Promise.race([check(context), late])
    return { result: 'holds' }
  } catch (error) {
    if (error instanceof Untested) return untested(error.message)
    // Anything but Unmet is what the other side's nonsense led to: one point fails, and the run goes on.
    return { result: 'fails', detail: reasonOf(error) }
  } finally {
    clearTimeout(timer)
  }
}
