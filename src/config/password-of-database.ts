import { readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { reasonOf, UserError } from '../platform/errors.ts'
import { EXIT } from '../platform/exit-codes.ts'
import { ifPresent } from '../platform/or-undefined.ts'

/** Maximum size of a password file, in bytes. */
const MOST_BYTES = 1024 * 1024

/** The database whose password is wanted. */
export interface PasswordQuery {
  hosts: readonly { host: string; port: number }[]
  database: string
  user: string
}

/**
 * Returns the password for a database from PostgreSQL's own password file: `PGPASSFILE`, else `~/.pgpass`.
 * @throws UserError if other users can read the file
 */
export function passwordInPassFile(query: PasswordQuery, env: NodeJS.ProcessEnv): string | undefined {
  const path = env.PGPASSFILE || join(env.HOME || homedir(), '.pgpass')
  const found = ifPresent(() => statSync(path))
  if (!found?.isFile()) {
    if (env.PGPASSFILE) throw unusable(path, 'is missing', 'Correct PGPASSFILE, or unset it.')
    return undefined
  }
  if ((found.mode & 0o077) !== 0)
    throw unusable(path, 'can be read by other users', `Run \`chmod 600 ${path}\`.`)
  if (found.size > MOST_BYTES) throw unusable(path, 'is too large', 'Remove unneeded lines.')
  try {
    return readFileSync(path, 'utf8')
      .split(/\r?\n/)
      .map((line) => passwordIn(line, query))
      .find((password) => password !== undefined)
  } catch (error) {
    throw unusable(path, `cannot be read: ${reasonOf(error)}`, 'Use a file that this user can read.')
  }
}

/** Returns the password in a line `HOST:PORT:DATABASE:USER:PASSWORD`; undefined if the line is for another database. */
function passwordIn(line: string, { hosts, database, user }: PasswordQuery): string | undefined {
  if (line.startsWith('#')) return undefined
  // A backslash escapes a colon or a backslash.
  const [host, port, ofDatabase, ofUser, ...rest] = line.split(/(?<!(?<!\\)(?:\\\\)*\\):/).map(unescaped)
  const isFor = (pattern: string | undefined, value: string) => pattern === '*' || pattern === value
  const isForHost = hosts.some(
    (each) =>
      (isFor(host, each.host) || (each.host.startsWith('/') && host === 'localhost')) &&
      isFor(port, String(each.port)),
  )
  if (!isForHost || !isFor(ofDatabase, database) || !isFor(ofUser, user)) return undefined
  return rest.length > 0 ? rest.join(':') : undefined
}

const unescaped = (text: string) => text.replace(/\\([\\:])/g, '$1')

const unusable = (path: string, problem: string, remedy: string) =>
  new UserError('config_invalid', `The password file ${path} ${problem}.`, { remedy, exitCode: EXIT.usage })
