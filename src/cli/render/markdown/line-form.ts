import type { Colors } from '../ansi.ts'
import type { Style } from './spans.ts'

/** The appearance of a line of Markdown. */
export interface LineForm {
  /** Number of characters of the line that `head` replaces. */
  taken: number
  head: string
  /** Beginning of further rows. It is as wide as `head`. */
  hang: string
  style: Style
  /** Width of `head`, in columns. */
  column: number
  isItem: boolean
}

const QUOTE = /^ {0,3}(?:> ?)+/
const HEADING = /^ {0,3}(#{1,6})[ \t]+/
const ITEM = /^([ \t]*)([-*+]|\d{1,9}[.)])[ \t]+(\[[ xX]\][ \t]+)?/
const BLANKS = /^[ \t]*/

/** Maximum share of a row that the indentation of a line may take. */
const INDENT = 1 / 3

/** Matches the beginning of a line whose form depends on further characters. */
const UNDECIDED = /^[\s>]*(?:#{1,6}|[-*+_=~`\s]+|\d{1,9}[.)]?|[-*+] \[[ xX]?\]?)?\s*$/

/** Reports whether the form of an unfinished line depends on further characters. */
export const isUndecided = (line: string) => UNDECIDED.test(line)

export const isRule = (line: string) =>
  /^ {0,3}(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})$/.test(line)

/** Returns the form of a line. @param inList true for a line after an item of a list */
export function formOf(line: string, inList: boolean, { bold, dim }: Colors, width: number): LineForm {
  const quote = QUOTE.exec(line)?.[0] ?? ''
  const bars = '│ '.repeat(Math.min(10, quote.split('>').length - 1))
  const rest = line.slice(quote.length)
  const most = Math.floor(width * INDENT)
  const form = (taken: number, indent: string, sign = '', style: Style = (text) => text): LineForm => {
    const blanks = indent.replaceAll('\t', '    ').slice(0, Math.max(0, most - bars.length))
    const signs = sign.replaceAll('\t', ' ')
    const column = bars.length + blanks.length + signs.length
    return {
      taken: quote.length + taken,
      head: dim(bars) + blanks + dim(signs),
      hang: dim(bars) + ' '.repeat(column - bars.length),
      style,
      column,
      isItem: sign !== '',
    }
  }
  const [heading] = HEADING.exec(rest) ?? []
  if (heading !== undefined) return form(heading.length, '', '', bold)
  const [item, indent = '', sign = '', box = ''] = ITEM.exec(rest) ?? []
  if (item !== undefined)
    return form(item.length, indent, `${sign.replace(/[*+]/, '-')} ${box.trimEnd()}${box && ' '}`)
  const [blanks = ''] = BLANKS.exec(rest) ?? []
  return form(blanks.length, inList ? blanks : '')
}
