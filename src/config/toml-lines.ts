/**
 * Returns the line numbers of the keys and tables in a TOML file, by their full names, such as `folders.allow`, or
 * `mcp.listed.0.url` in an array of tables. Omits keys in an unusual notation.
 */
export function tomlLines(text: string): Map<string, number> {
  const lines = new Map<string, number>()
  const counts = new Map<string, number>()
  let section = ''
  for (const [index, line] of text.split('\n').entries()) {
    const [, brackets, table] = /^\s*(\[\[?)\s*([\w."'-]+)\s*\]/.exec(line) ?? []
    const [, key] = /^\s*([\w."'-]+)\s*=/.exec(line) ?? []
    const name = (table ?? key)?.replace(/["']/g, '')
    if (name === undefined) continue
    let full = section === '' ? name : `${section}.${name}`
    if (table !== undefined) {
      const count = counts.get(name) ?? 0
      counts.set(name, count + 1)
      section = brackets === '[[' ? `${name}.${count}` : name
      full = section
    }
    if (!lines.has(full)) lines.set(full, index + 1)
  }
  return lines
}
