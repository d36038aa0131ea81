import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { readConfigFile } from '../../config/file.ts'
import { missingKey, readKey } from '../../config/key.ts'
import { serverUrl } from '../../config/server-url.ts'
import { CONFIG_KEYS } from '../../config/settings.ts'
import { UserError } from '../../platform/errors.ts'

/** The server and key that a machine is enrolled with. */
export interface Present {
  /** Address the daemon connects to. */
  server_url: string
  key: string
  key_file: string
  ca_file?: string
}

/**
 * Reads the machine's server and key from a configuration file. Returns undefined if the file lacks the
 * server or the key, or if they are unusable.
 * @throws UserError if the file cannot be parsed
 */
export async function presentEnrolment(config: string): Promise<Present | undefined> {
  if (!existsSync(config)) return undefined
  const file = await readConfigFile({ path: config, by: 'The configuration file' }, {}, CONFIG_KEYS)
  const { server_url, key_file, ca_file } = file?.values ?? {}
  if (typeof server_url !== 'string' || typeof key_file !== 'string') return undefined
  const path = resolve(dirname(config), key_file)
  try {
    const { key } = readKey([{ name: 'key_file', file: path }], missingKey())
    return {
      server_url: serverUrl(server_url, 'server_url', true),
      key,
      key_file: path,
      ...(typeof ca_file === 'string' && { ca_file: resolve(dirname(config), ca_file) }),
    }
  } catch (error) {
    if (error instanceof UserError) return undefined
    throw error
  }
}
