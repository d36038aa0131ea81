import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { structuredPatch } from 'diff'
import type { Hunk } from '../protocol/index.ts'
import { type GitUser, git, WITHOUT_SETTINGS } from './git.ts'

/**
 * Maximum time for comparing two texts in this process, in ms. The daemon does nothing else in this time. If
 * it is not enough, git compares the texts.
 */
const COMPARE_MS = 50
/** Number of unchanged lines around a change. */
const AROUND = 3
/** Maximum number of lines in a hunk, and of characters from which a hunk is divided. */
const HUNK_LINES = 2000
const HUNK_CHARS = 64 * 1024
/** Maximum length of a line in a hunk, in characters. The end of a longer line is left out. */
const LINE_CHARS = 4000
/** Number of bytes in which a file that is not text has a zero byte. Git uses the same number. */
const SNIFFED_BYTES = 8000

export interface Comparison {
  hunks: Hunk[]
  added: number
  removed: number
}

export const isBinary = (content: Buffer) => content.subarray(0, SNIFFED_BYTES).includes(0)

/** Lines of a hunk as in a unified diff, and its first lines in both texts. */
interface Section {
  oldStart: number
  newStart: number
  lines: string[]
}

/** Compares two texts by lines. @returns undefined if git fails to compare them */
export async function compare(before: string, after: string, user: GitUser): Promise<Comparison | undefined> {
  const sections = isNewOrGone(before, after)
    ? wholeText(before, after)
    : (quickly(before, after) ?? (await withGit(before, after, user)))
  if (!sections) return undefined
  const of = (sign: string) =>
    sections.reduce((sum, { lines }) => sum + lines.filter((line) => line.startsWith(sign)).length, 0)
  const hunks = sections.flatMap(({ oldStart, newStart, lines }) => [...parts(oldStart, newStart, lines)])
  return { hunks, added: of('+'), removed: of('-') }
}

const quickly = (before: string, after: string): Section[] | undefined =>
  structuredPatch('', '', before, after, undefined, undefined, { context: AROUND, timeout: COMPARE_MS })
    ?.hunks

/** Lets git compare two texts, outside of any repository. */
async function withGit(before: string, after: string, user: GitUser): Promise<Section[] | undefined> {
  const dir = mkdtempSync(join(user.scratch, 'texts-'))
  chmodSync(dir, 0o755)
  for (const [name, text] of [
    ['before', before],
    ['after', after],
  ] as const) {
    writeFileSync(join(dir, name), text)
    chmodSync(join(dir, name), 0o644)
  }
  const env = { ...WITHOUT_SETTINGS, HOME: dir, GIT_CEILING_DIRECTORIES: user.scratch }
  const options = ['--no-index', '--text', '--no-color', '--no-ext-diff', '--no-textconv', `-U${AROUND}`]
  const { code, stdout } = await git(user, ['diff', ...options, '--', 'before', 'after'], { env, cwd: dir })
  rmSync(dir, { recursive: true, force: true })
  return code === 1 ? sectionsIn(stdout.toString()) : undefined
}

function sectionsIn(output: string): Section[] {
  const sections: Section[] = []
  for (const line of output.replace(/\n$/, '').split('\n')) {
    const [, oldStart, newStart] = /^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@/.exec(line) ?? []
    if (oldStart !== undefined)
      sections.push({ oldStart: Number(oldStart), newStart: Number(newStart), lines: [] })
    else sections.at(-1)?.lines.push(line)
  }
  return sections
}

const isNewOrGone = (before: string, after: string) => (before === '') !== (after === '')

/** Returns the hunk of a text that was added or deleted. A comparison would take long for a large text. */
function wholeText(before: string, after: string): Section[] {
  const [sign, text] = before === '' ? ['+', after] : ['-', before]
  const lines = text
    .replace(/\n$/, '')
    .split('\n')
    .map((line) => sign + line)
  if (!text.endsWith('\n')) lines.push('\\ No newline at end of file')
  return [{ oldStart: 1, newStart: 1, lines }]
}

/** Divides the lines of a hunk into hunks of limited length. */
function* parts(oldStart: number, newStart: number, lines: readonly string[]): Generator<Hunk> {
  let hunk: Hunk = { old_start: oldStart, old_lines: 0, new_start: newStart, new_lines: 0, text: '' }
  let count = 0
  for (const line of lines) {
    // A remark belongs to the line before it.
    if ((count >= HUNK_LINES || hunk.text.length > HUNK_CHARS) && !line.startsWith('\\')) {
      yield hunk
      const [old_start, new_start] = [hunk.old_start + hunk.old_lines, hunk.new_start + hunk.new_lines]
      hunk = { old_start, old_lines: 0, new_start, new_lines: 0, text: '' }
      count = 0
    }
    hunk.text += (count++ === 0 ? '' : '\n') + shortLine(line)
    if (/^[ -]/.test(line)) hunk.old_lines++
    if (/^[ +]/.test(line)) hunk.new_lines++
  }
  yield hunk
}

const shortLine = (line: string) => (line.length > LINE_CHARS ? `${line.slice(0, LINE_CHARS)}…` : line)
