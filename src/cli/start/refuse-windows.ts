import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'

/** Refuses to run a daemon on Windows: agents need FIFOs and process groups. @throws UserError */
export function refuseWindows(platform: NodeJS.Platform = process.platform) {
  if (platform !== 'win32') return
  throw new UserError('windows', 'On Windows, the daemon runs in WSL: agents need features of Unix.', {
    remedy: 'Install WSL with `wsl --install`, and install fomular-daemon in it.',
    exitCode: EXIT.refused,
  })
}
