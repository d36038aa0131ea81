import { reasonOf, UserError } from '../platform/errors.ts'
import { EXIT } from '../platform/exit-codes.ts'
import { readPem } from '../platform/read-at-most.ts'
import { faultsOfFile } from './refuse-foreign.ts'
import { findSetting, readSources } from './sources.ts'

/**
 * Returns the certificate authority, in PEM, for commands that talk to a hub over TLS: `FOMULAR_CA_FILE`, or
 * the `ca_file` of the daemon's settings for the daemon's own server. Ignores settings that other users could
 * have written.
 * @throws UserError if `FOMULAR_CA_FILE` cannot be read
 */
export async function hubAuthority(url: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  if (!url.startsWith('https:')) return undefined
  if (env.FOMULAR_CA_FILE) return readNamed(env)
  try {
    const { file } = await readSources({}, env)
    if (!file || file.faults.length > 0) return undefined
    const sources = { flags: {}, env, file }
    const server = findSetting('server_url', sources)?.value
    const authority = findSetting('ca_file', sources)?.value
    if (server === undefined || authority === undefined || faultsOfFile(authority).length > 0)
      return undefined
    return new URL(server).hostname === new URL(url).hostname ? readPem(authority) : undefined
  } catch {
    // The daemon and `doctor` report faulty settings.
    return undefined
  }
}

function readNamed(env: NodeJS.ProcessEnv): string {
  try {
    return readPem(findSetting('ca_file', { flags: {}, env, file: undefined })!.value)
  } catch (error) {
    if (error instanceof UserError) throw error
    throw new UserError(
      'ca_unreadable',
      `FOMULAR_CA_FILE: ${env.FOMULAR_CA_FILE} cannot be read: ${reasonOf(error)}`,
      { remedy: 'Name a file that this user can read.', exitCode: EXIT.usage },
    )
  }
}
