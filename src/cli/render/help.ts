/** Lines longer than this are hard to read, however wide the terminal is. */
const MOST_COLUMNS = 100
const USUAL_COLUMNS = 80

/** How wide help is for a terminal of so many columns; for a pipe without them. */
export const helpWidth = (columns: number | undefined) => Math.min(columns || USUAL_COLUMNS, MOST_COLUMNS)

/**
 * Help text for a width. Prose, which begins at the margin, is filled; an example, which begins with `  $ `, is broken as a
 * shell allows it, and what is said beside it goes below it. Other lines stay as they are.
 */
export function fillHelp(text: string, width: number): string {
  return text
    .replace(/^\S.*(?:\n\S.*)*/gm, (paragraph) => filled(paragraph.split(/\s+/), width).join('\n'))
    .replace(/^ {2}\$ .*/gm, (line) => (line.length <= width ? line : brokenExample(line, width)))
}

function brokenExample(line: string, width: number): string {
  const [, command = line, remark] = /^(.*?)(?: {2,}(.*))?$/.exec(line.trim()) ?? []
  // A flag stays with its value.
  const words = command.match(/(?:--[\w-]+ (?!-))?(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? []
  const broken = filled(words, width - '      '.length - ' \\'.length).join(' \\\n      ')
  const below = remark === undefined ? [] : filled(remark.split(' '), width - 6)
  return [`  ${broken}`, ...below.map((part) => `      ${part}`)].join('\n')
}

function filled(words: string[], width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of words) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = ''
    }
    line += line === '' ? word : ` ${word}`
  }
  return [...lines, line]
}
