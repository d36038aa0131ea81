import { type Change, changeOf } from '../../client/change-of.ts'
import { Reveal } from '../../client/reveal-hidden.ts'
import { resultText } from '../../client/tool-fields.ts'
import type { Event } from '../../protocol/index.ts'
import type { Colors } from './ansi.ts'
import { changeRows } from './change.ts'
import { clean } from './clean.ts'
import { rowsOf, wholeStart } from './width.ts'

/** Maximum number of lines of a tool's result to show, and maximum length of each line. */
const LINES = 6
const LINE_CHARS = 200
/** Maximum number of changes to remember until their results arrive. */
const CHANGES = 100
/** Width of the sign before a result, and minimum width of the result, in columns. */
const INDENT = 4
const LEAST_COLUMNS = 2

type Of<K extends Event['kind']> = Extract<Event, { kind: K }>

/** Formats the results of tools. For a change of a file that no request has shown, the result is the change. */
export class ToolResults {
  /** Changes whose results have not arrived yet, by the ids of their tool uses. */
  readonly #changes = new Map<string, Change>()

  /** Remembers the change that a tool use makes, if it makes one. */
  used({ tool_use_id, tool, input }: Of<'tool_use'>) {
    const change = changeOf({ tool, input })
    if (!change) return
    this.#changes.set(tool_use_id, change)
    for (const id of this.#changes.keys()) {
      if (this.#changes.size <= CHANGES) break
      this.#changes.delete(id)
    }
  }

  /** Records that a request shows what the tool use does. */
  asked({ tool_use_id = '' }: Of<'permission_request'>) {
    this.#changes.delete(tool_use_id)
  }

  clear() {
    this.#changes.clear()
  }

  /** @param width width of the terminal in columns, if stdout is a terminal */
  text(event: Of<'tool_result'>, colors: Colors, width?: number): string {
    const { tool_use_id, content, is_error } = event
    const change = this.#changes.get(tool_use_id)
    this.#changes.delete(tool_use_id)
    if (change && !is_error && width !== undefined)
      return signed(changeRows(change, new Reveal(), colors, columnsOf(width))).join('\n')
    const lines = linesOf(content)
    const rows = width === undefined ? lines : lines.flatMap((line) => rowsOf(line, columnsOf(width)))
    return signed(rows)
      .map(is_error ? colors.red : colors.dim)
      .join('\n')
  }
}

/** Returns the width of a result on a terminal with `width` columns. */
const columnsOf = (width: number) => Math.max(LEAST_COLUMNS, width - INDENT)

const signed = (rows: string[]) => rows.map((row, index) => (index === 0 ? '  ⎿ ' : '    ') + row)

function linesOf(content: unknown): string[] {
  const lines = resultText(content)
    .split('\n')
    .filter((line) => line.trim() !== '')
  const shown = lines.slice(0, LINES).map((line) => shortenLine(line))
  if (lines.length > LINES) shown.push(`… ${lines.length - LINES} more lines`)
  return shown.length === 0 ? ['(nothing)'] : shown
}

const shortenLine = (line: string) =>
  clean(line.length > LINE_CHARS ? `${wholeStart(line, LINE_CHARS - 1)}…` : line)
