import { hubAddress, type LineOptions, type Lines, machineLines } from '../../client/machine-lines.ts'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'

/**
 * Returns the hub's address for another machine: http(s)://host:port/path without a trailing slash.
 * @throws UserError
 */
export function addressFor(given: string | undefined, known: string): string {
  const text = given ?? known
  const address = hubAddress(text)
  if (address !== undefined) return address
  throw new UserError(
    'usage',
    `${given === undefined ? 'The hub' : '--address'}: ${JSON.stringify(text)} is not a hub's address.`,
    {
      remedy: 'Use http://host:port or https://host/path, without user name, password, ? or #.',
      exitCode: EXIT.usage,
    },
  )
}

interface CheckedLines extends Pick<Lines, 'install' | 'install_wget' | 'enroll'> {
  warnings: string[]
}

/** Returns lines for another machine, with warnings. @throws UserError if nothing of this hub may be pasted */
export function linesFor(options: LineOptions): CheckedLines {
  const lines = machineLines(options)
  if (!lines)
    throw new UserError('hub_incompatible', `The hub at ${options.url} returned an invalid token.`, {
      remedy: 'Check that this address is a FomularOS hub. Do not paste anything from it.',
    })
  const { isLocal, isInsecure, ...text } = lines
  const warnings = []
  if (isLocal)
    warnings.push(
      `${new URL(options.url).hostname} is this machine itself, so the line works only here. For other machines, see fomular-daemon hub --help and add --address.`,
    )
  if (isInsecure)
    warnings.push('Without TLS, anyone who can read or change the traffic can take over that machine.')
  if (options.installer === undefined)
    warnings.push(
      'The hub has no releases to install from. Install @fomular-os/daemon with npm on that machine first.',
    )
  return { ...text, warnings }
}
