import { isLoopback } from '../../config/server-url.ts'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import { shellWord } from '../../platform/shell-word.ts'

/** Characters of an address: letters of any script, and the characters of RFC 3986. */
const ADDRESS = /^[\p{L}\p{N}._~:/?#[\]@!$&'()*+,;=%-]+$/u
/** Matches valid host names. Address parsers also accept invalid names. */
const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9_]([a-z0-9._-]*[a-z0-9_])?\.?)$/

/**
 * Returns the hub's address for another machine: http(s)://host:port/path without a trailing slash.
 * @throws UserError
 */
export function addressFor(given: string | undefined, known: string): string {
  const text = given ?? known
  const http = text.replace(/^ws(s?):/i, 'http$1:')
  const url = ADDRESS.test(http) && URL.canParse(http) ? new URL(http) : undefined
  if (url && /^https?:$/.test(url.protocol) && HOST.test(url.hostname)) {
    const { username, password, search, hash } = url
    if (username === '' && password === '' && search === '' && hash === '')
      // A ' would end a quotation, and ! expands history in csh. A server treats the encoded forms of these
      // characters like the characters themselves.
      return url.origin + url.pathname.replace(/\/+$/, '').replace(/'/g, '%27').replace(/!/g, '%21')
  }
  throw new UserError(
    'usage',
    `${given === undefined ? 'The hub' : '--address'}: ${JSON.stringify(text)} is not a hub's address.`,
    {
      remedy: 'Use http://host:port or https://host/path, without user name, password, ? or #.',
      exitCode: EXIT.usage,
    },
  )
}

/** Matches tokens without characters that a shell interprets. A malicious hub could send other tokens. */
const TOKEN = /^[\w-]{1,256}$/

export interface Lines {
  /** Line for a machine with curl; the same as `enroll` if the hub has nothing to install from. */
  install: string
  /** Line for a machine with wget; absent if the hub has nothing to install from. */
  install_wget?: string
  enroll: string
  warnings: string[]
}

export interface LineOptions {
  url: string
  token: string
  /** Script of the hub's installer, if the hub has one. */
  installer: string | undefined
  /** Certificates of the private authority that signed the hub's certificate, PEM, concatenated. */
  authority?: string | undefined
}

/**
 * Text that occurs only in installers that keep a copy of `--ca-file`. With older installers, the
 * configuration still names the original file.
 */
const KEEPS_AUTHORITY = '$prefix/ca.pem'

const GETTERS = {
  curl: { get: 'curl -fsSL', ca: '--cacert' },
  wget: { get: 'wget -qO-', ca: '--ca-certificate' },
}

/**
 * Returns lines for any shell on another machine. A line downloads the whole script before it runs the
 * script. With a pipe into a shell, a line would succeed even if the download fails, and could run only a
 * part of the script. The token is passed on standard input: it does not appear in the arguments of a
 * process, and `sudo` passes it on.
 * @throws UserError
 */
export function linesFor({ url, token, installer, authority }: LineOptions): Lines {
  if (!TOKEN.test(token))
    throw new UserError('hub_incompatible', `The hub at ${url} returned an invalid token.`, {
      remedy: 'Check that this address is a FomularOS hub. Do not paste anything from it.',
    })
  const { hostname, protocol, pathname } = new URL(url)
  const insecure = protocol === 'http:' && !isLoopback(hostname)
  const address = shellWord(url)
  // The hub knows the host in the request, but not the path under which a proxy serves the hub.
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
      `${hostname} is this machine itself, so the line works only here. For other machines, see fomular-daemon hub --help and add --address.`,
    )
  if (insecure)
    warnings.push('Without TLS, anyone who can read or change the traffic can take over that machine.')
  if (installer === undefined)
    warnings.push(
      'The hub has no releases to install from. Install @fomular-os/daemon with npm on that machine first.',
    )
  return installer !== undefined
    ? { install: install(GETTERS.curl), install_wget: install(GETTERS.wget), enroll, warnings }
    : { install: enroll, enroll, warnings }
}

/** Quotes a line of a certificate inside a single-quoted word. Base64 needs no quotes. */
const pemWord = (line: string) => (line.startsWith('-----') ? `"${line}"` : line)
