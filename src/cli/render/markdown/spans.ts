import type { Lexer, Token, Tokens } from 'marked'
import { withCharacters } from '../../../client/character-references.ts'
import type { Colors } from '../ansi.ts'
import { clean } from '../clean.ts'
import { wholeStart } from '../width.ts'

/** Reads Markdown. */
export type Lexing = typeof Lexer

export type Style = (text: string) => string

/** Text in one style. */
export interface Span {
  text: string
  style: Style
}

/** Maximum length of a text that is read as Markdown, in characters, and maximum number of its signs. */
const MOST_CHARS = 4000
const MOST_SIGNS = 400
/** Maximum depth of nested styles. */
const MOST_DEPTH = 8

const SIGN = /[[\]*_`~<\\!]/g

/** Returns the tokens of one line; undefined for a line that must be shown as plain text. */
export function tokensOf(lexing: Lexing, line: string): Token[] | undefined {
  if (line.length > MOST_CHARS || (line.match(SIGN)?.length ?? 0) > MOST_SIGNS) return undefined
  try {
    return lexing.lexInline(line, { gfm: true })
  } catch {
    return undefined
  }
}

/** Returns the spans of a line's tokens. */
export function spansOf(tokens: readonly Token[], colors: Colors, style: Style, depth = 0): Span[] {
  const { bold, italic, dim, cyan } = colors
  return tokens.flatMap((token): Span[] => {
    const { type, raw, text = raw, href, tokens } = token as Tokens.Generic
    const inner = (more: Style): Span[] => {
      const both = (text: string) => style(more(text))
      return tokens && depth < MOST_DEPTH
        ? spansOf(tokens, colors, both, depth + 1)
        : [{ text: clean(withCharacters(text)), style: both }]
    }
    switch (type) {
      case 'strong':
        return inner(bold)
      case 'em':
        return inner(italic)
      case 'del':
        return inner(dim)
      case 'text':
        return inner((text) => text)
      case 'codespan':
        return [{ text, style: (part) => style(cyan(part)) }]
      case 'escape':
        return [{ text, style }]
      case 'link':
      case 'image':
        return [...inner((text) => text), ...addressOf(text, href, (part) => style(dim(part)))]
      default:
        return [{ text: raw, style }]
    }
  })
}

/** Returns the address of a link, unless the text of the link is the address. */
function addressOf(text: string, href: unknown, style: Style): Span[] {
  if (typeof href !== 'string' || bare(href) === bare(text)) return []
  return [{ text: ` (${href})`, style }]
}

const bare = (address: string) => address.replace(/^(mailto:|https?:\/\/)/, '')

/** Maximum number of characters to hold back because of one sign. */
const HELD_CHARS = 1000

/** Matches a sign that may begin a styled part, and letters that may continue. */
const OPEN = /`|\*+(?=\S|$)|(?<![\p{L}\p{N}])_+(?=\S|$)|~+(?=\S|$)|!?\[(?![^\]]*\][^([])|<(?=[a-z/!?]|$)/iu
/** Characters of scripts that do not put blanks between words. */
const UNSPACED = /[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]$/

/** Returns the length of the beginning of an unfinished line that further text cannot change. */
export function settledLength(tokens: readonly Token[], line: string): number {
  let end = 0
  let last = 0
  for (const [at, token] of tokens.entries()) {
    const { raw } = token
    if (token.type === 'text') {
      const open = OPEN.exec(raw)?.index ?? -1
      if (open !== -1) return lastWordEnd(line, end, end + open)
      last = end
    } else if (at === tokens.length - 1) break
    end += raw.length
  }
  return lastWordEnd(line, last, end)
}

/** Returns the end of the last complete word of a line between two places. */
function lastWordEnd(line: string, from: number, to: number): number {
  if (line.length - to > HELD_CHARS) return wholeStart(line, line.length - HELD_CHARS / 2).length
  const part = line.slice(from, to)
  if (to < line.length || UNSPACED.test(part)) return to
  const blank = /\s\S*$/.exec(part)?.index
  return blank === undefined ? from : from + blank + 1
}
