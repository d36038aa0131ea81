import { UserError } from '../platform/errors.ts'
import { EXIT } from './exit-codes.ts'

/** Agents need FIFOs and process groups. Commands that talk to a hub elsewhere do not. @throws UserError */
export function refuseWindows(platform: NodeJS.Platform = process.platform) {
  if (platform !== 'win32') return
  throw new UserError('windows', 'On Windows the daemon runs in WSL: agents need what only a Unix has.', {
    remedy: 'Install that with `wsl --install`, and fomular-daemon in there.',
    exitCode: EXIT.refused,
  })
}
