/**
 * Names of variables that determine which programs run, what these programs load, and which servers and
 * logins they use. The names are patterns for `matches`, and upper and lower case do not matter.
 */
const GUARDED_NAMES = [
  // Folders with programs and libraries, and libraries that are loaded first.
  'PATH LD_* DYLD_* GCONV_PATH GLIBC_TUNABLES LOCPATH NODE_* BUN_* DENO_* PYTHON* PERL5* PERLLIB',
  'RUBY* GEM_* BUNDLE_* JAVA_* _JAVA_OPTIONS JDK_* CLASSPATH LUA_* NPM_* YARN_* PNPM_* COREPACK_*',
  'PIP_* UV_* CARGO_* RUSTC* RUSTFLAGS GOFLAGS GO* CC CXX CFLAGS CPPFLAGS CXXFLAGS LDFLAGS MAKEFLAGS',
  'MFLAGS DOTNET_* ELECTRON_*',
  // Names that many programs use for variables that determine what the program loads, runs, or passes on.
  '*PATH *_OPTS *_OPTIONS *FLAGS *PRELOAD* *_CONFIG *_CONF *_HOME *_WRAPPER *_COMMAND PHP* OPENSSL_*',
  'KRB5* INPUTRC WGETRC HOSTALIASES RES_OPTIONS LOCALDOMAIN TCL*',
  // Shells, and helper programs that other programs start.
  'BASH_* BASHOPTS SHELL SHELLOPTS ENV IFS PS4 PROMPT_COMMAND CDPATH ZDOTDIR FPATH EDITOR VISUAL',
  'PAGER *_PAGER *_EDITOR BROWSER LESS* MANPAGER TERMINFO* TERMCAP GIT_* SSH_* GPG_* GNUPGHOME SUDO_*',
  'DOCKER_* KUBECONFIG SYSTEMD_* DBUS_* XAUTHORITY',
  // Folders of settings and of temporary files.
  'HOME XDG_* TMPDIR TMP TEMP USER LOGNAME NOTIFY_SOCKET DISPLAY WAYLAND_DISPLAY',
  // Connections, certificate authorities, and secrets.
  '*_PROXY *_BASE_URL *_ENDPOINT* *_HOST SSL_* CURL_* REQUESTS_CA_BUNDLE *_CA_BUNDLE *_CA_CERTS *_KEY',
  '*_KEY_ID *_TOKEN *_SECRET *_PASSWORD *_CREDENTIALS AWS_* GOOGLE_* AZURE_*',
  // Helpers, settings, and modules of individual programs.
  '*_RSH *_SSH *INIT *RC *_ARGS *_ADDOPTS *_FLAGS *_PLUGINS *_MODULES *_LIBS *_FILE *FILES *_PATH',
  '*_URL *_URI *_ADDR *_LAUNCHER *KEYLOGFILE *_CMD PG* R_* CMAKE_* ANSIBLE_* TF_* TS_NODE_* HG* CVS*',
  'SVN_* PYTEST_* MAVEN_* GRADLE_* AR AS LD FCEDIT NETRC VAULT_* HELM_* COMPOSE_* USE_BUILTIN_RIPGREP',
  'GCC_* GTK_* GIO_* QT_* NIX_*',
  // Runtimes, and this program.
  'CLAUDE* ANTHROPIC_* OPENAI_* GEMINI_* CODEX_* VERTEX_* MCP_* OTEL_* IS_SANDBOX FOMULAR_* DISABLE_*',
  'ENABLE_*',
].flatMap((names) => names.split(' '))

/** Reports whether a name matches a pattern, in which `*` at either end stands for any text. */
export function matches(name: string, pattern: string): boolean {
  if (pattern === '*') return true
  const from = pattern.startsWith('*') ? 1 : 0
  const to = pattern.endsWith('*') ? pattern.length - 1 : pattern.length
  const text = pattern.slice(from, to)
  if (from === 1 && to < pattern.length) return name.includes(text)
  if (from === 1) return name.endsWith(text)
  return to < pattern.length ? name.startsWith(text) : name === text
}

/** Reports whether a variable is one of `GUARDED_NAMES`. */
const isGuarded = (name: string) => GUARDED_NAMES.some((guarded) => matches(name.toUpperCase(), guarded))

/**
 * Reports whether a list permits a variable. `*` alone does not permit a guarded variable; `**` permits all
 * variables.
 */
export const isListed = (name: string, listed: readonly string[]) =>
  listed.some((pattern) => pattern !== '*' && matches(name, pattern)) ||
  (listed.includes('*') && !isGuarded(name))
