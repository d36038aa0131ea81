/**
 * Expands variables in a command line as systemd does. `${NAME}` can be anywhere in a word. `$NAME` must be a
 * whole word, and its value is split at blanks. `$$` is a dollar sign.
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

/** Splits a variable's value into words. Blanks within quotes do not split; the quotes are removed. */
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
/** A piece of a variable's value: double-quoted, single-quoted, or plain up to the end of the line. */
const PIECE = /"((?:[^"\\]|\\[\s\S])*)"?|'([^']*)'?|((?:[^\\\n]|\\[\s\S])+)/y

/** Parses a file of variables like systemd's `EnvironmentFile=`. Lines that are not assignments are skipped. */
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
      // Blanks between quoted pieces are dropped. Quotes within a plain piece are literal.
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

/** Returns a line for a systemd `EnvironmentFile=`, with the value quoted if necessary. */
export const environmentLine = (name: string, value: string) =>
  `${name}=${/^[\w./:@,+-]*$/.test(value) ? value : `"${value.replace(/["\\`$]/g, '\\$&')}"`}\n`
