import { readFileSync } from 'node:fs'
import { setAside, writeAtomic } from '../../../platform/files.ts'
import type { Logger } from '../../../platform/log.ts'
import { ifPresent } from '../../../platform/or-undefined.ts'
import { isPushKey, makePushKey } from '../push-key.ts'

/**
 * Returns the private key for push services in a file. Creates the file if it is missing, and renames a
 * damaged file. @throws the system error
 */
export function pushKeyIn(path: string, logger: Logger): string {
  const known = ifPresent(() => readFileSync(path, 'utf8'))
  if (known !== undefined) {
    if (isPushKey(known)) return known
    logger.error({ aside: setAside(path) }, 'damaged key for push services renamed')
  }
  const pem = makePushKey()
  writeAtomic(path, pem, { durable: true })
  return pem
}
