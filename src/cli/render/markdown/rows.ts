import { textWidth } from '../width.ts'
import type { Span } from './spans.ts'

/** Matches blanks, a character that may stand at the end of a row, or a word. */
const PARTS =
  /\s+|[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]|[^\s\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]+/g

/** Writes words into rows of limited width. */
export class Rows {
  readonly #width: () => number
  #column = 0
  /** Beginning of further rows of the same line, and its width. */
  #hang = { hang: '', column: 0 }
  #isBlank = false

  constructor(width: () => number) {
    this.#width = width
  }

  /** Begins a line, whose first row is written up to `column`. @param further beginning of its further rows */
  begin(column: number, further: { hang: string; column: number }) {
    this.#column = column
    this.#hang = further
    this.#isBlank = false
  }

  /** @returns the output for the next words of the line */
  write(spans: readonly Span[]): string {
    let out = ''
    let word: Span[] = []
    const endWord = () => {
      out += this.#word(word)
      word = []
    }
    for (const { text, style } of spans)
      for (const part of text.match(PARTS) ?? []) {
        const isBlank = part.trim() === ''
        if (isBlank || textWidth(part) > part.length) endWord()
        if (isBlank) this.#isBlank = true
        else word.push({ text: part, style })
      }
    endWord()
    return out
  }

  #word(word: readonly Span[]): string {
    if (word.length === 0) return ''
    const width = word.reduce((sum, { text }) => sum + textWidth(text), 0)
    const isFirst = this.#column <= this.#hang.column
    const gap = this.#isBlank && !isFirst ? 1 : 0
    this.#isBlank = false
    const fits = this.#column + gap + width <= this.#width()
    if (!fits && !isFirst) return this.#newRow() + this.#letters(word)
    this.#column += gap
    return ' '.repeat(gap) + this.#letters(word)
  }

  /** Writes a word, which may be wider than a row. */
  #letters(word: readonly Span[]): string {
    const width = this.#width()
    return word
      .map(({ text, style }) => {
        const all = textWidth(text)
        if (this.#column + all <= width) {
          this.#column += all
          return style(text)
        }
        let out = ''
        let row = ''
        for (const letter of text) {
          const more = textWidth(letter)
          if (this.#column + more > width && this.#column > this.#hang.column) {
            out += style(row) + this.#newRow()
            row = ''
          }
          row += letter
          this.#column += more
        }
        return out + style(row)
      })
      .join('')
  }

  #newRow(): string {
    this.#column = this.#hang.column
    return `\n${this.#hang.hang}`
  }
}
