/**
 * Variables in a command line, as systemd replaces them: `${NAME}` anywhere, `$NAME` as a word of its own, which may
 * become several; `$$` is a dollar sign.
 */
export function expandCommand(argv: string[], environment: Record<string, string>): string[] {
  return argv.flatMap((word) => {
    const [, alone] = /^\$([A-Za-z_]\w*)$/.exec(word) ?? []
    if (alone !== undefined) return (environment[alone] ?? '').split(/\s+/).filter(Boolean)
    return [
      word.replace(/\$\$|\$\{([A-Za-z_]\w*)\}/g, (found, name?: string) =>
        name === undefined ? found.slice(1) : (environment[name] ?? ''),
      ),
    ]
  })
}

/** A file of variables, as systemd reads one: a line each, in quotes or not, `#` and `;` before comments. */
export function parseEnvironment(text: string): Record<string, string> {
  const variables: Record<string, string> = {}
  const line = /^[ \t]*([A-Za-z_]\w*)=[ \t]*(?:"((?:[^"\\]|\\[\s\S])*)"|'([^']*)'|(.*?))[ \t]*$/gm
  for (const [, name = '', double, single, bare = ''] of text.matchAll(line))
    variables[name] = double?.replace(/\\\n/g, '').replace(/\\(["\\`$])/g, '$1') ?? single ?? bare
  return variables
}

/** A line of such a file. */
export const environmentLine = (name: string, value: string) =>
  `${name}=${/^[\w./:@,+-]*$/.test(value) ? value : `"${value.replace(/["\\`$]/g, '\\$&')}"`}\n`
