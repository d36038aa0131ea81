/**
 * Variables in a command line, as systemd replaces them: `${NAME}` anywhere, `$NAME` as a word of its own, which may
 * become several; `$$` is a dollar sign.
 */
export function expandCommand(argv: string[], environment: Record<string, string>): string[] {
  return argv.flatMap((word) => {
    const [, alone] = /^\$([A-Za-z_]\w*)$/.exec(word) ?? []
    if (alone !== undefined) return splitWords(environment[alone] ?? '')
    return [
      word.replace(/\$\$|\$\{([A-Za-z_]\w*)\}/g, (found, name?: string) =>
        name === undefined ? found.slice(1) : (environment[name] ?? ''),
      ),
    ]
  })
}

/** Words of a variable's value: quotes keep blanks, and are taken off. */
function splitWords(text: string): string[] {
  const words = text.match(/(?:"(?:[^"\\]|\\[\s\S])*"|'(?:[^'\\]|\\[\s\S])*'|\\[\s\S]|[^\s"'\\])+/g) ?? []
  return words.map((word) =>
    word.replace(
      /"((?:[^"\\]|\\[\s\S])*)"|'((?:[^'\\]|\\[\s\S])*)'|\\([\s\S])/g,
      (_, double, single, escaped) => escaped ?? (double ?? single).replace(/\\([\s\S])/g, '$1'),
    ),
  )
}

const NAME = /^[A-Za-z_]\w*$/
/** A piece of a value: in quotes, escaped, or plain up to the next of these. */
const PIECE = /"((?:[^"\\]|\\[\s\S])*)"?|'([^']*)'?|((?:[^\\\n]|\\[\s\S])+)/y

/** A file of variables, as systemd's EnvironmentFile= reads one. Lines that assign nothing are skipped. */
export function parseEnvironment(text: string): Record<string, string> {
  const variables: Record<string, string> = Object.create(null)
  const line = /[ \t\n\r]*(?:[#;](?:[^\\\n]|\\[\s\S])*|([^=\n]*)(=[ \t]*)?)/y
  for (let at = 0; at < text.length; ) {
    line.lastIndex = at
    const [all = '', name, assigned] = line.exec(text) ?? []
    at += Math.max(all.length, 1)
    if (assigned === undefined) continue
    let value = ''
    for (PIECE.lastIndex = at; ; ) {
      const piece = PIECE.exec(text)
      if (!piece) break
      at = PIECE.lastIndex
      const [, double, single, plain = ''] = piece
      value +=
        double?.replace(/\\(["\\`$\n])/g, (_, c) => (c === '\n' ? '' : c)) ?? single ?? unescaped(plain)
      // Blanks between pieces in quotes do not count; behind a plain one, quotes are characters like any other.
      if (plain) break
      while (text[at] === ' ' || text[at] === '\t') at++
      PIECE.lastIndex = at
    }
    if (NAME.test(name!.trim())) variables[name!.trim()] = value
  }
  return { ...variables }
}

const unescaped = (plain: string) =>
  plain.replace(/[ \t\r]+$/, '').replace(/\\([\s\S])/g, (_, c) => (c === '\n' ? '' : c))

/** A line of such a file. */
export const environmentLine = (name: string, value: string) =>
  `${name}=${/^[\w./:@,+-]*$/.test(value) ? value : `"${value.replace(/["\\`$]/g, '\\$&')}"`}\n`
