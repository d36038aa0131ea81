import { isLoopback } from '../protocol/loopback.ts'

/** Matches tokens without characters that a shell interprets. A malicious hub could send other tokens. */
const TOKEN = /^[\w-]{1,256}$/

/** Lines to paste into a shell on another machine. */
export interface Lines {
  /** Line for a machine with curl; the same as `enroll` if the hub has nothing to install from. */
  install: string
  /** Line for a machine with wget; absent if the hub has nothing to install from. */
  install_wget?: string
  enroll: string
  /** True if the line works only on the machine with the hub. */
  isLocal: boolean
  /** True if the connection is not encrypted and leaves the machine. */
  isInsecure: boolean
}

export interface LineOptions {
  /** Address from `hubAddress`. */
  url: string
  token: string
  /** Script of the hub's installer, if the hub has one. */
  installer: string | undefined
  /** Certificates of the private authority that signed the hub's certificate, PEM, concatenated. */
  authority?: string | undefined
}

/** Characters of an address: letters of any script, and the characters of RFC 3986. */
const ADDRESS = /^[\p{L}\p{N}._~:/?#[\]@!$&'()*+,;=%-]+$/u
/** Matches valid host names. Address parsers also accept invalid names. */
const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9_]([a-z0-9._-]*[a-z0-9_])?\.?)$/

/**
 * Returns a hub's address as http(s)://host:port/path without a trailing slash, and without characters that end
 * a quotation; undefined if the text is not a hub's address.
 */
export function hubAddress(text: string): string | undefined {
  const http = text.replace(/^ws(s?):/i, 'http$1:')
  const url = ADDRESS.test(http) && URL.canParse(http) ? new URL(http) : undefined
  if (!url || !/^https?:$/.test(url.protocol) || !HOST.test(url.hostname)) return undefined
  const { username, password, search, hash } = url
  if (username !== '' || password !== '' || search !== '' || hash !== '') return undefined
  // A ' would end a quotation, and ! expands history in csh. A server treats the encoded forms of these
  // characters like the characters themselves.
  return url.origin + url.pathname.replace(/\/+$/, '').replace(/'/g, '%27').replace(/!/g, '%21')
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
 * Returns lines for any shell on another machine; undefined if the token is invalid, so that nothing from this
 * hub may be pasted. A line downloads the whole script before it runs the script. With a pipe into a shell, a
 * line would succeed even if the download fails, and could run only a part of the script. The token is passed
 * on standard input: it does not appear in the arguments of a process, and `sudo` passes it on.
 */
export function machineLines({ url, token, installer, authority }: LineOptions): Lines | undefined {
  if (!TOKEN.test(token)) return undefined
  const { hostname, protocol, pathname } = new URL(url)
  const isLocal = isLoopback(hostname)
  const isInsecure = protocol === 'http:' && !isLocal
  const address = addressWord(url)
  // The hub knows the host in the request, but not the path under which a proxy serves the hub.
  const below =
    pathname === '/' ? [] : ['--base-url', addressWord(`${url}/releases`), '--server-url', address]
  const flags = [...below, ...(isInsecure ? ['--allow-insecure'] : [])]
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
      addressWord(`${url}/install.sh`),
      ...flags,
    ]
    return `echo ${token} | ${words.join(' ')}`
  }
  const enroll = [
    ...(pem === undefined ? [] : [`mkdir -p ~/.fomular && printf "%s\\n" ${pem} >~/.fomular/ca.pem &&`]),
    `echo ${token} | fomular-daemon enroll --server-url ${address} --token-stdin`,
    ...(pem === undefined ? [] : ['--ca-file ~/.fomular/ca.pem']),
    ...(isInsecure ? ['--allow-insecure'] : []),
    '&& fomular-daemon',
  ].join(' ')
  return installer !== undefined
    ? { install: install(GETTERS.curl), install_wget: install(GETTERS.wget), enroll, isLocal, isInsecure }
    : { install: enroll, enroll, isLocal, isInsecure }
}

/** Quotes an address for any shell, if necessary. An address contains no quotation marks. */
const addressWord = (url: string) => (/^[\w./:@%+,=-]+$/.test(url) ? url : `'${url}'`)

/** Quotes a line of a certificate inside a single-quoted word. Base64 needs no quotes. */
const pemWord = (line: string) => (line.startsWith('-----') ? `"${line}"` : line)
