import type { Colors } from '../ansi.ts'
import { clean } from '../clean.ts'
import { layOut } from '../layout.ts'
import type { Writing } from '../writing.ts'
import { formOf, isRule, isUndecided, type LineForm } from './line-form.ts'
import { Rows } from './rows.ts'
import { type Lexing, settledLength, spansOf, tokensOf } from './spans.ts'
import { tableRows } from './table.ts'

export type { Lexing }

/** Width of a rule, in columns. */
const RULE = 40
/** Maximum size of a table that is drawn as a table. */
const TABLE_LINES = 200
/** Length of the beginning of a line whose form is decided in any case. */
const UNDECIDED_CHARS = 200
/** Number of blanks before a line of code. */
const CODE_INDENT = 4

const FENCE = /^([ \t]*)(`{3,}|~{3,})(?!.*`)/
const INDENTED = /^(?: {4}|\t)/

/**
 * Writes a text in Markdown as it arrives. Words appear as soon as further text cannot change their style;
 * tables and lines of code appear when they are complete.
 */
export class MarkdownWriting implements Writing {
  readonly #lexing: Lexing
  readonly #colors: Colors
  readonly #width: () => number
  readonly #rows: Rows
  /** The part of the current line that is not written yet. */
  #tail = ''
  /** A carriage return at the end of the text so far. */
  #return = ''
  /** Form of the current line, once it is decided. */
  #form: LineForm | undefined
  /** The fence that ends the current block of code, and the indentation of its lines. */
  #fence: { end: string; indent: number } | undefined
  #table: string[] = []
  #inList = false
  /** True if the line before was empty or a line of code, so that an indented line is code. */
  #mayBeCode = true
  /** Line feeds to write before the next output. */
  #breaks = 0

  constructor(lexing: Lexing, colors: Colors, width: () => number | undefined) {
    this.#lexing = lexing
    this.#colors = colors
    this.#width = () => width() ?? Number.POSITIVE_INFINITY
    this.#rows = new Rows(this.#width)
  }

  add(text: string): string {
    const all = this.#return + text
    // A line feed may follow, and both are one end of a line.
    this.#return = all.endsWith('\r') ? '\r' : ''
    const lines = (this.#tail + clean(all.slice(0, all.length - this.#return.length))).split('\n')
    this.#tail = lines.pop() ?? ''
    const whole = lines.map((line) => this.#wholeLine(line)).join('')
    return whole + this.#unfinishedLine()
  }

  flush(): string {
    const rest = this.#tail + clean(this.#return)
    this.#tail = ''
    this.#return = ''
    const line = rest.trim() === '' ? '' : this.#form ? this.#words(rest) : this.#newLine(rest)
    const out = line + this.#endTable()
    if (this.#form) this.#rows.begin(0, this.#form)
    this.#breaks = 0
    return out
  }

  #wholeLine(line: string): string {
    const out = this.#form ? this.#words(line) : this.#newLine(line)
    this.#endLine()
    return out
  }

  #endLine() {
    if (this.#form) this.#breaks = 1
    this.#form = undefined
  }

  #unfinishedLine(): string {
    let out = ''
    if (!this.#form) {
      if (this.#isWrittenWhole(this.#tail)) return ''
      out = this.#endTable() + this.#begin(this.#tail)
      this.#tail = this.#tail.slice(this.#form!.taken)
    }
    const tokens = tokensOf(this.#lexing, this.#tail)
    const end = tokens ? settledLength(tokens, this.#tail) : this.#tail.length
    const settled = this.#tail.slice(0, end)
    this.#tail = this.#tail.slice(end)
    return out + this.#words(settled)
  }

  /** Reports whether an unfinished line cannot be begun yet. */
  #isWrittenWhole(line: string): boolean {
    if (line === '' || this.#fence || FENCE.test(line) || line.startsWith('|') || this.#isCode(line))
      return true
    return line.length < UNDECIDED_CHARS && isUndecided(line)
  }

  /** Writes a complete line from its beginning. */
  #newLine(line: string): string {
    if (this.#fence) return this.#lineInFence(line, this.#fence)
    if (line.startsWith('|') && this.#table.length < TABLE_LINES) {
      this.#table.push(line)
      return ''
    }
    const table = this.#endTable()
    const [, indent = '', end] = FENCE.exec(line) ?? []
    if (line.trim() === '') {
      // Several empty lines look like one.
      if (this.#breaks === 1) this.#breaks = 2
      this.#mayBeCode = true
    } else if (end !== undefined) this.#fence = { end, indent: indent.length }
    else if (isRule(line)) {
      this.#inList = false
      return table + this.#row(this.#colors.dim('─'.repeat(Math.min(RULE, this.#width()))))
    } else if (this.#isCode(line)) return table + this.#code(line, CODE_INDENT)
    else return table + this.#lineOfText(line)
    return table
  }

  #lineOfText(line: string): string {
    return this.#begin(line) + this.#words(line.slice(this.#form!.taken))
  }

  /** Begins a line of text. */
  #begin(line: string): string {
    this.#form = formOf(line, this.#inList, this.#colors, this.#width())
    if (this.#form.isItem) this.#inList = true
    else if (!/^[ \t]/.test(line)) this.#inList = false
    this.#mayBeCode = false
    this.#rows.begin(this.#form.column, this.#form)
    return this.#row(this.#form.head)
  }

  #words(text: string): string {
    const style = this.#form?.style ?? ((part: string) => part)
    const tokens = tokensOf(this.#lexing, text)
    return this.#rows.write(tokens ? spansOf(tokens, this.#colors, style) : [{ text, style }])
  }

  #row(text: string): string {
    const out = '\n'.repeat(this.#breaks) + text
    this.#breaks = 1
    return out
  }

  #isCode(line: string): boolean {
    return this.#mayBeCode && !this.#inList && INDENTED.test(line)
  }

  #lineInFence(line: string, { end, indent }: { end: string; indent: number }): string {
    if (!line.trim().startsWith(end) || line.trim().replaceAll(end[0]!, '') !== '')
      return this.#code(line, indent)
    this.#fence = undefined
    return ''
  }

  /** Writes a line of code. @param indent number of blanks that are not part of the code */
  #code(line: string, indent: number): string {
    const blanks = /^[ \t]*/.exec(line)![0].length
    const text = line.slice(Math.min(blanks, indent))
    if (text.trim() === '') {
      if (this.#breaks > 0) this.#breaks++
      return ''
    }
    const head = ' '.repeat(CODE_INDENT + (this.#fence ? Math.min(indent, CODE_INDENT) : 0))
    return this.#row(layOut([{ head, text }], this.#width()).join('\n'))
  }

  #endTable(): string {
    const lines = this.#table.splice(0)
    if (lines.length === 0) return ''
    const rows = tableRows(this.#lexing, lines.join('\n'), this.#colors, this.#width())
    if (rows) return this.#row(rows.join('\n'))
    return lines
      .map((line) => {
        const out = this.#lineOfText(line)
        this.#endLine()
        return out
      })
      .join('')
  }
}
