import { diffLines, diffWordsWithSpace } from 'diff'
import type { Hunk } from '../protocol/workspace.ts'

/** A part of a line; `isChanged` if the other text does not have it. */
export interface LinePart {
  text: string
  isChanged: boolean
}

export interface NumberedLine {
  number: number
  parts: LinePart[]
}

/** A run of lines of a comparison. */
export type Run =
  | { kind: 'same'; lines: { before: number; after: number; text: string }[] }
  | { kind: 'changed'; removed: NumberedLine[]; added: NumberedLine[] }

/** Maximum time for a comparison by lines, in milliseconds. After it, everything counts as replaced. */
const LINES_MS = 200
/** Maximum time for the comparison of words, in milliseconds: of all lines, and of one line. */
const WORDS_MS = 100
const WORDS_OF_LINE_MS = 20
/** Maximum length of lines whose words are compared. */
const WORDS_CHARS = 1000

/** Compares two texts line by line, and changed lines word by word. The runs contain all lines of both texts. */
export function runsOf(before: string, after: string): Run[] {
  const runs = lineRunsOf(before, after)
  markWords(runs)
  return runs
}

/** Compares two texts line by line. The runs contain all lines of both texts. */
export function lineRunsOf(before: string, after: string): Run[] {
  const runs: Run[] = []
  const numbers = { before: 1, after: 1 }
  const numbered = (lines: string[], side: 'before' | 'after'): NumberedLine[] =>
    lines.map((text) => ({ number: numbers[side]++, parts: [{ text, isChanged: false }] }))
  for (const { value, added, removed } of partsOf(before, after)) {
    const lines = linesOf(value)
    const last = runs.at(-1)
    if (!added && !removed)
      runs.push({
        kind: 'same',
        lines: lines.map((text) => ({ before: numbers.before++, after: numbers.after++, text })),
      })
    else if (removed) runs.push({ kind: 'changed', removed: numbered(lines, 'before'), added: [] })
    else if (last?.kind === 'changed' && last.added.length === 0) last.added = numbered(lines, 'after')
    else runs.push({ kind: 'changed', removed: [], added: numbered(lines, 'after') })
  }
  return runs
}

/** Returns the runs of a hunk, whose lines begin as in a unified diff. Remarks are left out. */
export function runsOfHunk({
  old_start,
  new_start,
  text,
}: Pick<Hunk, 'old_start' | 'new_start' | 'text'>): Run[] {
  const runs: Run[] = []
  const numbers = { before: old_start, after: new_start }
  for (const line of text.split('\n')) {
    const [sign, rest] = [line[0], line.slice(1)]
    const last = runs.at(-1)
    if (sign === ' ') {
      const same = { before: numbers.before++, after: numbers.after++, text: rest }
      if (last?.kind === 'same') last.lines.push(same)
      else runs.push({ kind: 'same', lines: [same] })
    } else if (sign === '-' || sign === '+') {
      // Lines that are removed after added lines belong to another change.
      const isNext = last?.kind !== 'changed' || (sign === '-' && last.added.length > 0)
      const changed: Run & { kind: 'changed' } = isNext ? { kind: 'changed', removed: [], added: [] } : last
      if (isNext) runs.push(changed)
      const number = sign === '-' ? numbers.before++ : numbers.after++
      changed[sign === '-' ? 'removed' : 'added'].push({ number, parts: [{ text: rest, isChanged: false }] })
    }
  }
  markWords(runs)
  return runs
}

function partsOf(before: string, after: string) {
  const parts = diffLines(before, after, { timeout: LINES_MS })
  if (parts) return parts
  const whole = (value: string, added: boolean) => ({ value, added, removed: !added })
  return [whole(before, false), whole(after, true)]
}

function linesOf(text: string): string[] {
  return text === '' ? [] : text.replace(/\n$/, '').split('\n')
}

function markWords(runs: Run[]) {
  const end = performance.now() + WORDS_MS
  for (const run of runs) {
    if (run.kind !== 'changed' || run.removed.length !== run.added.length) continue
    for (const [at, removed] of run.removed.entries()) {
      if (performance.now() > end) return
      markPair(removed, run.added[at]!)
    }
  }
}

/** Marks the words that differ, unless hardly anything is the same. */
function markPair(removed: NumberedLine, added: NumberedLine) {
  const [before, after] = [removed.parts[0]!.text, added.parts[0]!.text]
  if (Math.max(before.length, after.length) > WORDS_CHARS) return
  const parts = diffWordsWithSpace(before, after, { timeout: WORDS_OF_LINE_MS })
  const same = parts?.reduce(
    (sum, part) => sum + (part.added || part.removed ? 0 : part.value.trim().length),
    0,
  )
  if (!parts || same === undefined || same * 3 < Math.min(before.length, after.length)) return
  const side = (other: 'added' | 'removed', own: 'added' | 'removed'): LinePart[] =>
    parts.filter((part) => !part[other]).map((part) => ({ text: part.value, isChanged: part[own] }))
  removed.parts = side('added', 'removed')
  added.parts = side('removed', 'added')
}
