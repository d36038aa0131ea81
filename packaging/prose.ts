import jsTokens from 'js-tokens'

/** A piece of text in a file, for people to read. */
export interface Prose {
  line: number
  text: string
  /** True for the documentation comment of a declaration. */
  documents?: true
}

/**
 * Matches a string with at least two blanks, which counts as a sentence. Shorter strings are names, codes,
 * and flags.
 */
const SENTENCE = /\S \S+ \S/
/** Calls whose first argument is the title of a test. */
const TITLED = new Set(['test', 'describe', 'it', 'suite', 'skip'])

/** Returns the text of a page line by line, without its code. */
export function* proseOfPage(text: string): Generator<Prose> {
  let fenced = false
  for (const [index, line] of text.split('\n').entries()) {
    if (/^\s*(?:```|~~~)/.test(line)) fenced = !fenced
    else if (!fenced && line.trim() !== '') yield { line: index + 1, text: withoutCode(line) }
  }
}

/** Returns the comments of a shell script, and the lines that print a message. */
export function* proseOfShell(text: string): Generator<Prose> {
  for (const [index, line] of text.split('\n').entries()) {
    const comment = /(?:^|\s)#(?!!) ?(.*)$/.exec(line)?.[1]
    if (comment !== undefined) yield { line: index + 1, text: comment }
    else if (/\b(?:echo|printf|say|fail|warn|die)\b/.test(line)) yield { line: index + 1, text: line }
  }
}

/**
 * Returns the comments of a program, and its strings that are sentences.
 *
 * @param strings `all` for the strings with at least three words, `titles` for only the titles of tests
 */
export function* proseOfProgram(text: string, strings: 'all' | 'titles'): Generator<Prose> {
  let line = 1
  /** The last two tokens, without white space and comments. */
  let last = ['', '']
  for (const { type, value } of jsTokens(text)) {
    if (type === 'MultiLineComment') {
      const documents = value.startsWith('/**')
      yield { line, text: comment(value), ...(documents && { documents }) }
    } else if (type === 'SingleLineComment') yield { line, text: withoutCode(value.slice(2)).trim() }
    else if (type !== 'WhiteSpace' && type !== 'LineTerminatorSequence') {
      const isTitle = last[1] === '(' && TITLED.has(last[0] ?? '')
      const isString =
        type === 'StringLiteral' || type === 'NoSubstitutionTemplate' || type.startsWith('Template')
      if (isString && (isTitle || (strings === 'all' && SENTENCE.test(value)))) yield { line, text: value }
      last = [last[1] ?? '', value]
    }
    line += value.split('\n').length - 1
  }
}

/** Returns the lines of a block comment without their stars. */
function comment(value: string): string {
  return withoutCode(value)
    .replace(/^\/\*+|\*+\/$/g, '')
    .replace(/\n\s*\*? ?/g, '\n')
    .trimEnd()
}

const withoutCode = (text: string) => text.replace(/`[^`]*`/g, '`…`')
