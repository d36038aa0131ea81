import { chmodSync, rmSync } from 'node:fs'
import type { Server } from 'node:http'
import { systemCode } from '../platform/errors.ts'
import { setAside } from '../platform/plain-files.ts'
import { socketAddress } from './paths.ts'

/**
 * Makes a server listen on a Unix socket that only its user can open. The caller holds the folder's lock, so
 * an existing socket belongs to a dead process.
 * @throws the system's error
 */
export async function listenPrivately(server: Server, path: string): Promise<void> {
  try {
    rmSync(path, { force: true })
  } catch (error) {
    if (systemCode(error) !== 'ERR_FS_EISDIR') throw error
    setAside(path)
  }
  const address = socketAddress(path)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    // This call creates the socket synchronously, so the umask applies to nothing else.
    const mask = process.umask(0o177)
    try {
      server.listen(address, () => {
        server.off('error', reject)
        // If a connection cannot be accepted, for example for lack of descriptors, the client tries again.
        server.on('error', () => {})
        resolve()
      })
    } finally {
      process.umask(mask)
    }
  })
  chmodSync(path, 0o600)
}
