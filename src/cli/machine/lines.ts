import { isLoopback } from '../../config/server-url.ts'
import { UserError } from '../../platform/errors.ts'
import { shellWord } from '../../platform/shell-word.ts'
import { EXIT } from '../exit-codes.ts'

/** What may stand in an address: letters of any script, and what RFC 3986 has. */
const ADDRESS = /^[\p{L}\p{N}._~:/?#[\]@!$&'()*+,;=%-]+$/u
/** Parsers of addresses let more pass as a host than any host is called. */
const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9_]([a-z0-9._-]*[a-z0-9_])?\.?)$/

/** The hub's address for another machine: http(s)://host:port/path, without a slash at its end. @throws UserError */
export function addressFor(given: string | undefined, known: string): string {
  const text = given ?? known
  const http = text.replace(/^ws(s?):/i, 'http$1:')
  const url = ADDRESS.test(http) && URL.canParse(http) ? new URL(http) : undefined
  if (url && /^https?:$/.test(url.protocol) && HOST.test(url.hostname)) {
    const { username, password, search, hash } = url
    if (username === '' && password === '' && search === '' && hash === '')
      // Both mean the same to a server as what they stand for; one ends a quotation, the other begins an event of csh.
      return url.origin + url.pathname.replace(/\/+$/, '').replace(/'/g, '%27').replace(/!/g, '%21')
  }
  throw new UserError(
    'usage',
    `${given === undefined ? 'The hub' : '--address'}: ${JSON.stringify(text)} is not a hub's address.`,
    {
      remedy: 'Use http://host:port or https://host/path, without a name, password, ? or #.',
      exitCode: EXIT.usage,
    },
  )
}

/** Whatever hub it is from: nothing in it means anything to a shell. */
const TOKEN = /^[\w-]{1,256}$/

export interface Lines {
  /** For a machine with nothing on it but curl; the same as `enroll` where the hub has nothing to install from. */
  install: string
  /** The same for a machine with wget; absent where the hub has nothing to install from. */
  install_wget?: string
  enroll: string
  warnings: string[]
}

export interface LineOptions {
  url: string
  token: string
  /** The script that the hub has to install from, if it has. */
  installer: string | undefined
  /** Certificates of the private authority that vouches for the hub, PEM, one after the other. */
  authority?: string | undefined
}

/** In installers that keep a copy of what `--ca-file` names. Older ones leave the configuration leading to the file itself. */
const KEEPS_AUTHORITY = '$prefix/ca.pem'

const GETTERS = {
  curl: { get: 'curl -fsSL', ca: '--cacert' },
  wget: { get: 'wget -qO-', ca: '--ca-certificate' },
}

/**
 * Lines for a shell on another machine, whichever that is. A pipe from a download into a shell would end well when the
 * download fails, and would begin with part of it; so the script is had whole first. The token comes by standard input:
 * nobody sees it among the arguments of a process, and `sudo` lets it through.
 * @throws UserError
 */
export function linesFor({ url, token, installer, authority }: LineOptions): Lines {
  if (!TOKEN.test(token))
    throw new UserError('hub_incompatible', `What the hub at ${url} calls a token is none.`, {
      remedy: 'Is it a FomularOS hub? Paste nothing of what it gives.',
    })
  const { hostname, protocol, pathname } = new URL(url)
  const insecure = protocol === 'http:' && !isLoopback(hostname)
  const address = shellWord(url)
  // The hub knows by which host it was asked for the script, not below which path a proxy has put it.
  const below = pathname === '/' ? [] : ['--base-url', shellWord(`${url}/releases`), '--server-url', address]
  const flags = [...below, ...(insecure ? ['--allow-insecure'] : [])]
  const pem = authority === undefined ? undefined : authority.trim().split('\n').map(pemWord).join(' ')
  const [file, afterwards] = installer?.includes(KEEPS_AUTHORITY)
    ? ['c=$(mktemp)', '; e=$?; rm -f "$c"; exit $e']
    : ['mkdir -p ~/.fomular && c=~/.fomular/ca.pem', '']

  const install = ({ get, ca }: (typeof GETTERS)['curl']) => {
    const script =
      pem === undefined
        ? `s=$(${get} "$0") && eval "\${s:?}"`
        : `${file} && printf "%s\\n" ${pem} >"$c" && (s=$(${get} ${ca} "$c" "$0") && set -- "$@" --ca-file "$c" && eval "\${s:?}")${afterwards}`
    const words = [
      'sh -c',
      `'read -r FOMULAR_ENROLL_TOKEN; ${script}'`,
      shellWord(`${url}/install.sh`),
      ...flags,
    ]
    return `echo ${token} | ${words.join(' ')}`
  }
  const enroll = [
    ...(pem === undefined ? [] : [`mkdir -p ~/.fomular && printf "%s\\n" ${pem} >~/.fomular/ca.pem &&`]),
    `echo ${token} | fomular-daemon enroll --server-url ${address} --token-stdin`,
    ...(pem === undefined ? [] : ['--ca-file ~/.fomular/ca.pem']),
    ...(insecure ? ['--allow-insecure'] : []),
    '&& fomular-daemon',
  ].join(' ')

  const warnings = []
  if (isLoopback(hostname))
    warnings.push(
      `${hostname} is this machine itself, so the line works here only. For others: fomular-daemon hub --help, and --address.`,
    )
  if (insecure)
    warnings.push('Without TLS, whoever can read or change the traffic can take over that machine.')
  if (installer === undefined)
    warnings.push('The hub has no releases to install from: install @fomular-os/daemon with npm there first.')
  return installer !== undefined
    ? { install: install(GETTERS.curl), install_wget: install(GETTERS.wget), enroll, warnings }
    : { install: enroll, enroll, warnings }
}

/** A line of a certificate, between the single quotes of another word: no letter of it means anything to a shell. */
const pemWord = (line: string) => (line.startsWith('-----') ? `"${line}"` : line)
