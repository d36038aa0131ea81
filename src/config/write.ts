import { realpathSync } from 'node:fs'
import { UserError } from '../platform/errors.ts'
import { writeAtomic } from '../platform/files.ts'
import { ifPresent } from '../platform/or-undefined.ts'
import { readAtMost } from '../platform/read-at-most.ts'
import { FILE_BYTES, tomlProblem } from './file.ts'

/**
 * Sets top-level settings in a configuration file, which is created if it is missing. Everything else in the
 * file stays unchanged.
 * @throws UserError if the file cannot be parsed
 */
export async function writeConfig(path: string, values: Record<string, string | boolean>) {
  const { parse, stringify } = await import('smol-toml')
  const before = readIfPresent(path)
  // Top-level settings end where the first table begins.
  const end = before.search(/^[ \t]*\[/m)
  const [top, tables] = end === -1 ? [before, ''] : [before.slice(0, end), before.slice(end)]
  const lines = top.trim() === '' ? [] : top.trimEnd().split('\n')
  for (const [name, value] of Object.entries(values)) {
    const line = stringify({ [name]: value }).trim()
    const at = lines.findIndex((each) => new RegExp(`^\\s*${name}\\s*=`).test(each))
    if (at === -1) lines.push(line)
    else lines[at] = line
  }
  const text = `${lines.join('\n')}\n${tables === '' ? '' : `\n${tables}`}`
  try {
    const wanted = { ...parse(before), ...values }
    if (JSON.stringify(sorted(parse(text))) !== JSON.stringify(sorted(wanted)))
      throw new Error('its format is too unusual')
  } catch (error) {
    throw new UserError('config_invalid', `${path} cannot be changed: ${tomlProblem(error)}`, {
      remedy: `Add this by hand:\n${stringify(values)}`,
      cause: error,
    })
  }
  writeAtomic(realPath(path), text, { durable: true })
}

const sorted = (table: object) =>
  Object.fromEntries(Object.entries(table).sort(([a], [b]) => (a < b ? -1 : 1)))

const readIfPresent = (path: string) => ifPresent(() => readAtMost(path, FILE_BYTES).text) ?? ''

/** Follows links, so that the target of a link is changed in place. */
function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}
