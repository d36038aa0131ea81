import type { Lexer, Token } from 'marked'

/** Maximum length of a text that is read as Markdown, in characters. */
const MOST_CHARS = 100_000
/** Maximum number of list and quotation marks at the beginning of a line. */
const MOST_NESTED = 20
/** Maximum number of characters in a paragraph that may begin or end a part of it. */
const MOST_MARKS = 1000
/** Maximum number of characters without a blank: each of them may begin an address. */
const LONG_WORD = /\S{1001}/

const NESTED = new RegExp(String.raw`^[ \t]*(?:(?:>|(?:[-*+]|\d{1,9}[.)])[ \t])[ \t]*){${MOST_NESTED}}`)
const FENCE = /^ {0,3}(`{3,}|~{3,})/
const MARK = /[[\]*_~`<\\!|]/g

/** Returns the tokens of a Markdown text; undefined if it must be shown as plain text. */
export function markdownTokens(text: string, Reader: typeof Lexer): Token[] | undefined {
  if (text.length > MOST_CHARS || isTangled(text)) return undefined
  try {
    return new Reader({ gfm: true }).lex(text)
  } catch {
    return undefined
  }
}

/** Reports whether reading a text as Markdown would take a time that grows with the square of its length. */
function isTangled(text: string): boolean {
  let fence: string | undefined
  let marks = 0
  for (const line of text.split('\n')) {
    const opening = FENCE.exec(line)?.[1]
    if (fence !== undefined) {
      if (opening?.startsWith(fence)) fence = undefined
      continue
    }
    if (NESTED.test(line) || LONG_WORD.test(line)) return true
    if (line.trim() === '') marks = 0
    marks += line.match(MARK)?.length ?? 0
    if (marks > MOST_MARKS) return true
    fence = opening
  }
  return false
}
