import { isLoopback } from '../../config/server-url.ts'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../exit-codes.ts'

/** The hub's address for another machine: http(s)://host:port, without a slash at its end. @throws UserError */
export function addressFor(given: string | undefined, known: string): string {
  const text = (given ?? known).replace(/^ws(s?):/, 'http$1:')
  const url = URL.canParse(text) ? new URL(text) : undefined
  // It becomes part of a line for a shell.
  if (url && /^https?:$/.test(url.protocol) && !url.username && /^[\w.:/[\]-]+$/.test(url.href))
    return url.origin + url.pathname.replace(/\/+$/, '')
  throw new UserError('usage', `--address: "${text}" is not a hub's address.`, {
    remedy: 'Use http://host:port or https://host.',
    exitCode: EXIT.usage,
  })
}

export interface Lines {
  /** For a machine with nothing on it; the same as `enroll` where the hub has nothing to install from. */
  install: string
  enroll: string
  warnings: string[]
}

export function linesFor({
  url,
  token,
  installer,
}: {
  url: string
  token: string
  installer: boolean
}): Lines {
  const { hostname, protocol, pathname } = new URL(url)
  const insecure = protocol === 'http:' && !isLoopback(hostname)
  const flag = insecure ? ' --allow-insecure' : ''
  // The hub knows by which host it was asked for the script, not below which path a proxy has put it.
  const below = pathname === '/' ? '' : ` --base-url ${url}/releases --server-url ${url}`
  const flags = below + flag
  const enroll = `FOMULAR_ENROLL_TOKEN=${token} fomular-daemon enroll --server-url ${url}${flag} && fomular-daemon`
  const warnings = []
  if (isLoopback(hostname))
    warnings.push(
      'The hub listens on this machine only, and the line works here only. For others: fomular-daemon hub --help, and --address.',
    )
  if (insecure)
    warnings.push('Without TLS, whoever can read or change the traffic can take over that machine.')
  if (!installer)
    warnings.push('The hub has no releases to install from: install @fomular-os/daemon with npm there first.')
  return {
    install: installer
      ? `curl -fsSL ${url}/install.sh | FOMULAR_ENROLL_TOKEN=${token} ${flags ? `sh -s --${flags}` : 'sh'}`
      : enroll,
    enroll,
    warnings,
  }
}
