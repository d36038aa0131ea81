import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setAside, writeAtomic } from '../../../platform/files.ts'
import type { Logger } from '../../../platform/log.ts'
import { ifPresent } from '../../../platform/or-undefined.ts'

/**
 * Returns the private key for push services in a file. Creates the file if it is missing, and renames a
 * damaged file. @throws the system error
 */
export function pushKeyIn(path: string, logger: Logger): string {
  const known = ifPresent(() => readFileSync(path, 'utf8'))
  if (known !== undefined) {
    if (isKey(known)) return known
    logger.error({ aside: setAside(path) }, 'damaged key for push services renamed')
  }
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  writeAtomic(path, pem, { durable: true })
  return pem
}

function isKey(pem: string): boolean {
  try {
    return createPrivateKey(pem).asymmetricKeyDetails?.namedCurve === 'prime256v1'
  } catch {
    return false
  }
}
