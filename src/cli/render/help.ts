/** Maximum width of help, in columns: longer lines are hard to read. */
const MOST_COLUMNS = 100
const USUAL_COLUMNS = 80

/** Returns the width of help for a terminal with this number of columns, or for a pipe. */
export const helpWidth = (columns: number | undefined) => Math.min(columns || USUAL_COLUMNS, MOST_COLUMNS)

/**
 * Wraps help text to a width. Prose begins in the first column, and is filled. Examples begin with `  $ `.
 * A long example is broken where a shell allows a break, and a remark next to the example moves below it.
 * Other lines stay unchanged.
 */
export function fillHelp(text: string, width: number): string {
  return text
    .replace(/^\S.*(?:\n\S.*)*/gm, (paragraph) => filled(paragraph.split(/\s+/), width).join('\n'))
    .replace(/^ {2}\$ .*/gm, (line) => (line.length <= width ? line : brokenExample(line, width)))
}

function brokenExample(line: string, width: number): string {
  const [, command = line, remark] = /^(.*?)(?: {2,}(.*))?$/.exec(line.trim()) ?? []
  // Keep a flag on one line with its value.
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
