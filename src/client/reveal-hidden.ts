/** Maximum length of a run of blanks (in columns) or of empty lines that stays unchanged. */
const BLANK_COLUMNS = 40
const TAB_COLUMNS = 4
const EMPTY_LINES = 3

/** Matches all runs that are long enough to exceed a limit. */
const BLANKS = /[ \t\n]{5,}/g

/**
 * Matches characters that a terminal executes or does not show, and their repetitions: control characters,
 * invisible and unassigned characters, blanks other than the space, runs of many accents, and other marks.
 */
const HIDDEN =
  /(?:((?![ \t\n])[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Z}\p{Default_Ignorable_Code_Point}\u2800\ufffc\u{16fe4}\u{1d159}\u{13441}\u{13442}])\1*)|\p{M}{5,}|(?:(?!\p{Default_Ignorable_Code_Point})\p{M})+/gu
const HEAP = 5
/** Marks that enclose a letter and may cover it. */
const ENCLOSING = /\p{Me}/u
/**
 * A mark that divides the marks of a letter into two groups when text is normalized: marks that overlay the
 * letter (canonical class 1) come before it, and all other marks come after it.
 */
const BESIDE = '\u{16ff0}'
const LETTER = /(?!\p{Default_Ignorable_Code_Point})\p{L}$/u
const LATIN = /\p{Script=Latin}$/u
const OF_ANY_SCRIPT = /^\p{Script=Inherited}+$/u
const DIRECTION = /^[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/
const CONTROL = /^\p{Cc}/u
/** Variation selector that shows a pictograph in color. After a pictograph, this selector hides nothing. */
const EMOJI_STYLE = '\ufe0f'
const PICTOGRAPH = /\p{Extended_Pictographic}$/u

/** Name of each kind of hidden text, singular and plural. */
const NAMES = {
  blanks: ['long run of blanks', 'long runs of blanks'],
  lines: ['long run of empty lines', 'long runs of empty lines'],
  control: ['control character', 'control characters'],
  direction: ['character that changes the text direction', 'characters that change the text direction'],
  invisible: ['invisible character', 'invisible characters'],
  accents: ['heap of accents', 'heaps of accents'],
  marks: ['mark over other text', 'marks over other text'],
} as const
type Kind = keyof typeof NAMES

/** Maximum number of symbols in a row for a repeated control character. More are shown as a count. */
const PICTURES = 4
const C0_PICTURES = 0x2400
const DELETE_PICTURE = '\u2421'
const LINE_FEED_PICTURE = '\u240a'

/**
 * Makes hidden parts of a text visible to the person who decides on it, and counts them: `⟨17000 blanks⟩`,
 * `⟨U+202E⟩`, `⟨U+200B × 12⟩`, `␛`. The results are safe for a terminal.
 */
export class Reveal {
  readonly #counts = new Map<Kind, number>()

  /** Reveals a text. Keeps line feeds and tabs. */
  text(text: string): string {
    return text
      .replace(BLANKS, (run) => this.#blanks(run))
      .replace(HIDDEN, (run: string, char: string | undefined, at: number, all: string) =>
        this.#sign(run, char, all.slice(Math.max(0, at - 2), at)),
      )
  }

  /** Reveals a text on one line: shows line feeds as symbols. */
  line(text: string): string {
    return this.text(text).replaceAll('\n', LINE_FEED_PICTURE)
  }

  /** Returns a summary of the hidden parts made visible so far; undefined if there were none. */
  summary(): string | undefined {
    const parts = [...this.#counts].map(([kind, count]) => `${count} ${NAMES[kind][count === 1 ? 0 : 1]}`)
    return parts.length === 0 ? undefined : `Hidden in it, and made visible: ${parts.join(', ')}`
  }

  #count(kind: Kind, by = 1) {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + by)
  }

  #blanks(run: string): string {
    const first = run.indexOf('\n')
    if (first === -1) return this.#columns(run)
    const last = run.lastIndexOf('\n')
    let empty = -1
    for (let at = first; at !== -1; at = run.indexOf('\n', at + 1)) empty++
    const between = run.slice(first + 1, last + 1)
    return [
      this.#columns(run.slice(0, first)),
      '\n',
      empty > EMPTY_LINES
        ? `${this.#empty(empty)}\n`
        : between.replace(/[ \t]+/g, (part) => this.#columns(part)),
      this.#columns(run.slice(last + 1)),
    ].join('')
  }

  #empty(lines: number): string {
    this.#count('lines')
    return `⟨${lines} empty lines⟩`
  }

  #columns(blanks: string): string {
    const tabs = blanks.split('\t').length - 1
    if (blanks.length + tabs * (TAB_COLUMNS - 1) <= BLANK_COLUMNS) return blanks
    this.#count('blanks')
    return `⟨${blanks.length} blanks⟩`
  }

  #sign(run: string, char: string | undefined, before: string): string {
    if (char === undefined) return this.#marks([...run], before)
    if (run === EMOJI_STYLE && PICTOGRAPH.test(before)) return run
    const count = run.length / char.length
    const isControl = CONTROL.test(char)
    this.#count(isControl ? 'control' : DIRECTION.test(char) ? 'direction' : 'invisible', count)
    const code = char.codePointAt(0)!
    if (isControl && count <= PICTURES && code <= 0x7f)
      return (code < 0x20 ? String.fromCharCode(C0_PICTURES + code) : DELETE_PICTURE).repeat(count)
    return `⟨${nameOf(char)}${count > 1 ? ` × ${count}` : ''}⟩`
  }

  /**
   * Keeps a mark unchanged if it follows a letter of the mark's own script. Replaces any other mark with its
   * code: a terminal may draw such a mark anywhere, or draw it on a blank, which then looks like `_`.
   */
  #marks(marks: string[], before: string): string {
    if (marks.length >= HEAP) {
      this.#count('accents')
      return `⟨${marks.length} accents⟩`
    }
    const run = marks.join('')
    const isForeign = LATIN.test(before) && !OF_ANY_SCRIPT.test(run)
    if (LETTER.test(before) && !isForeign && !marks.some(covers)) return run
    this.#count('marks', marks.length)
    return marks.map((mark) => `⟨${nameOf(mark)}⟩`).join('')
  }
}

const covers = (mark: string) => ENCLOSING.test(mark) || (BESIDE + mark).normalize('NFD').startsWith(mark)

const nameOf = (char: string) => `U+${char.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`
