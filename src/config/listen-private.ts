import { chmodSync, rmSync } from 'node:fs'
import type { Server } from 'node:http'
import { socketAddress } from './paths.ts'

/**
 * Has a server listen on a Unix socket that only its user can open. Whoever calls this holds the folder's lock: a socket
 * that is there already is a dead process's.
 * @throws the system's error
 */
export async function listenPrivately(server: Server, path: string): Promise<void> {
  rmSync(path, { force: true })
  const address = socketAddress(path)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    // The socket is made within this call: nothing else here gets the umask.
    const mask = process.umask(0o177)
    try {
      server.listen(address, () => {
        server.off('error', reject)
        // A connection that cannot be taken, without a descriptor for example, comes again.
        server.on('error', () => {})
        resolve()
      })
    } finally {
      process.umask(mask)
    }
  })
  chmodSync(path, 0o600)
}
