import { concealKey, keySources, missingKey, readKey } from '../../config/key.ts'
import { serverUrl } from '../../config/server-url.ts'
import type { ServerAddress } from '../../conformance/server/caller.ts'
import { reasonOf, UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import { proxyAgent } from '../../platform/proxy.ts'
import { readPem } from '../../platform/read-at-most.ts'
import { note } from '../terminal.ts'
import type { ConformanceOptions } from './index.ts'

/**
 * Returns the server that the flags name, with the key from the flags or the environment.
 * @throws UserError
 */
export async function serverOf({
  url: text,
  key: plain,
  keyFile,
  caFile,
  allowInsecure = false,
}: Pick<ConformanceOptions, 'key' | 'keyFile' | 'caFile' | 'allowInsecure'> & {
  url: string
}): Promise<ServerAddress> {
  const url = serverUrl(text, '--url', allowInsecure)
  const key = keyOf({ key: plain, keyFile })
  const agent = await proxyAgent(url, process.env)
  return { url, key, ...(caFile !== undefined && { ca: read(caFile) }), ...(agent && { agent }) }
}

/** Returns the key from the flags or the environment. @throws UserError */
export function keyOf({ key: plain, keyFile }: Pick<ConformanceOptions, 'key' | 'keyFile'>): string {
  const { key, warnings } = readKey(keySources({ key: plain, keyFile }, process.env), missing())
  concealKey(key)
  for (const warning of warnings) note(`warning: ${warning}`)
  return key
}

function read(caFile: string): string {
  try {
    return readPem(caFile)
  } catch (error) {
    throw new UserError(
      'ca_unreadable',
      `Cannot read the certificate authority ${caFile}: ${reasonOf(error)}`,
      {
        remedy: 'Correct --ca-file.',
        exitCode: EXIT.usage,
      },
    )
  }
}

const missing = () =>
  new UserError('key_missing', missingKey().message, {
    remedy: 'Give a key that the server accepts with --key-file FILE.',
    exitCode: EXIT.usage,
  })
