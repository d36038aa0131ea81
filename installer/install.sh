#!/bin/sh
# Commands in messages stand between backticks; a tilde there is for the shell of the one who reads it.
# shellcheck disable=SC2016,SC2088
trap 'echo "error: The installer arrived in part. Run it again." >&2; exit 1' 0
# Installs fomular-daemon, upgrades it, or takes it away again. It needs no Node.
#
#   curl -fsSL https://…/install.sh | sh
#   curl -fsSL https://…/install.sh | sh -s -- --help
#
# POSIX sh, without `local`. Everything is in functions, and the last line calls one: a script that arrives in part does
# nothing, and fails. Nothing it starts reads from standard input, which may be the script.

usage() {
  cat <<'EOF'
Installs fomular-daemon: the daemon that runs coding agents on this machine, as one executable that needs no Node.

  curl -fsSL BASE/install.sh | sh -s -- [FLAGS]

  --version X          the version to install (default: the latest, if it is no older than what is there)
  --prefix DIR         where to (default: ~/.fomular; for root /opt/fomular, with a link in /usr/local/bin)
  --server-url URL     the server to connect this machine to
  --key-file FILE      this machine's key for it
  --token-file FILE    or a token of `fomular-daemon machine add`; also FOMULAR_ENROLL_TOKEN
  --ca-file FILE       certificate authority of server and downloads, PEM; a copy is kept
  --allow-insecure     allow a server beyond this machine without TLS
  --force              enroll a machine that is enrolled already, here or elsewhere, with a new key
  --service WHAT       how it is kept running: systemd, pm2, launchd, none (default: auto, where a server was given)
  --no-restart         leave a daemon that runs as it is; it goes on with the version it has
  --base-url URL       where releases are (also FOMULAR_INSTALL_BASE_URL; default: beside the hub, in releases/)
  --public-key KEY     minisign's public key that signs them
  --skip-signature     install although the signature cannot be checked here
  --dry-run            say what would be done
  --uninstall          take away what was installed; state and settings stay
  --purge              with --uninstall: state and settings as well
  --help

It asks nothing. Run again, it upgrades; a daemon that runs is started anew, and its agents run on.
EOF
}

defaults() {
  # Written in when a release is made, or by the hub that serves this.
  DEFAULT_BASE_URL=''
  DEFAULT_SERVER_URL=''
  DEFAULT_PUBLIC_KEY=''

  base_url=${FOMULAR_INSTALL_BASE_URL:-}
  server_url=''
  public_key=$DEFAULT_PUBLIC_KEY
  version=latest
  prefix=''
  key_file=''
  token=${FOMULAR_ENROLL_TOKEN:-}
  # Whatever is started from here has no need of it.
  unset FOMULAR_ENROLL_TOKEN
  token_file=''
  ca_file=''
  allow_insecure=''
  force=''
  service=auto
  restart=yes
  skip_signature=''
  dry_run=''
  uninstall=''
  purge=''
  home=${HOME:-}
  # Maximum size in bytes of a manifest, and of short files: the latest version, signatures, keys, answers.
  MANIFEST=1048576
  SMALL=65536
  NO_WAY='Is the network there, and the address right? Behind a proxy, set https_proxy. Then run this again.'
  work=''
  made=''
}

say() { printf '%s\n' "$*"; }
note() { printf '%s\n' "$*" >&2; }

# Ends with a problem, and what to do about it.
fail() {
  note "error: $1"
  if [ -n "${2:-}" ]; then note "  → $2"; fi
  exit "${3:-1}"
}

usage_error() { fail "$1" 'See --help.' 2; }

parse() {
  while [ $# -gt 0 ]; do
    flag=$1
    case $flag in
      --help | -h)
        usage
        exit 0
        ;;
      --version | --prefix | --server-url | --key-file | --token-file | --ca-file | --service | --base-url | --public-key)
        [ $# -ge 2 ] || usage_error "$flag needs a value."
        shift
        value=$1
        ;;
      --version=* | --prefix=* | --server-url=* | --key-file=* | --token-file=* | --ca-file=* | --service=* | --base-url=* | --public-key=*)
        value=${flag#*=}
        flag=${flag%%=*}
        ;;
      --allow-insecure | --force | --no-restart | --skip-signature | --dry-run | --uninstall | --purge) value=yes ;;
      *) usage_error "There is no flag $flag." ;;
    esac
    shift
    [ -n "$value" ] || usage_error "$flag needs a value."
    case $flag in
      --version) version=$value ;;
      --prefix) prefix=$value ;;
      --server-url) server_url=$value ;;
      --key-file) key_file=$value ;;
      --token-file) token_file=$value ;;
      --ca-file) ca_file=$value ;;
      --service) service=$value ;;
      --base-url) base_url=$value ;;
      --public-key) public_key=$value ;;
      --allow-insecure) allow_insecure=yes ;;
      --force) force=yes ;;
      --no-restart) restart='' ;;
      --skip-signature) skip_signature=yes ;;
      --dry-run) dry_run=yes ;;
      --uninstall) uninstall=yes ;;
      --purge) purge=yes ;;
    esac
  done
}

check_flags() {
  case $version in
    latest) ;;
    [!0-9]* | *[!0-9A-Za-z.+-]*) usage_error "--version is \"$version\", which is no version." ;;
  esac
  case $service in
    auto | systemd | systemd-user | pm2 | launchd | none) ;;
    *) usage_error "--service is \"$service\", but must be systemd, pm2, launchd or none." ;;
  esac
  [ -z "$purge" ] || [ -n "$uninstall" ] || usage_error '--purge goes with --uninstall.'
  [ -z "$uninstall" ] || return 0
  for file in "$key_file" "$token_file" "$ca_file"; do
    [ -z "$file" ] || [ -r "$file" ] || fail "$file cannot be read." 'Name a file that is there.' 2
  done
  if [ -n "$token_file" ]; then token=$(cat "$token_file"); fi
  # The hub that serves this is meant for those who come with a token of it.
  if [ -n "$token" ] && [ -z "$server_url" ]; then server_url=$DEFAULT_SERVER_URL; fi
  if [ -n "$token$key_file" ] && [ -z "$server_url" ]; then usage_error 'A key or token needs --server-url.'; fi
  if [ -n "$server_url" ] && [ -z "$token$key_file" ]; then
    usage_error '--server-url needs --key-file, --token-file or FOMULAR_ENROLL_TOKEN.'
  fi
  # Below which path a proxy has put a hub, only the one who names it knows.
  if [ -z "$base_url" ] && [ -n "$server_url" ] && { [ -n "$DEFAULT_SERVER_URL" ] || [ -z "$DEFAULT_BASE_URL" ]; }; then
    base_url=$(web "$server_url")/releases
  fi
  base_url=${base_url:-$DEFAULT_BASE_URL}
  [ -n "$base_url" ] || usage_error 'This copy of the installer does not know where releases are: give --base-url.'
  base_url=${base_url%/}
}

# A server's address for requests, without a slash at its end.
web() {
  case $1 in
    ws:* | wss:*) printf 'http%s' "${1#ws}" ;;
    *) printf '%s' "$1" ;;
  esac | sed 's,/*$,,'
}

# Where everything goes: PREFIX/versions/VERSION/…, PREFIX/current → versions/VERSION, PREFIX/bin/fomular-daemon.
places() {
  user=$(id -u)
  link=''
  if [ -z "$prefix" ]; then
    if [ "$user" = 0 ]; then
      prefix=/opt/fomular
      link=/usr/local/bin/fomular-daemon
    else
      [ -n "$home" ] || fail 'HOME is not set.' 'Set it, or give --prefix DIR.'
      prefix=$home/.fomular
    fi
  fi
  case $prefix in
    /*) ;;
    *) prefix=$(pwd)/$prefix ;;
  esac
  prefix=${prefix%/}
  [ -n "$prefix" ] || usage_error '--prefix cannot be the root folder.'
  versions=$prefix/versions
  entry=$prefix/bin/fomular-daemon
  # What was put outside of the prefix, and what keeps it running.
  receipt=$prefix/.installed
  # Where shells look. man looks beside the folders on PATH.
  case $prefix in
    /opt/fomular) share=/usr/local/share manual=/usr/local/share ;;
    "$home/.fomular") share=$home/.local/share manual=$prefix/share ;;
    *) share=$prefix/share manual=$prefix/share ;;
  esac
  used=$(sed -n 's/^service //p' "$receipt" 2>/dev/null | tail -n 1)
  config=${FOMULAR_CONFIG:-$home/.fomular/config.toml}
  state=${FOMULAR_STATE_DIR:-$(setting state_dir)}
  case $state in
    /*) ;;
    *) state=$home/.fomular/state ;;
  esac
}

platform() {
  kernel=$(uname -s)
  case $kernel in
    Linux) os=linux ;;
    Darwin) os=macos ;;
    MINGW* | MSYS* | CYGWIN* | Windows*)
      fail 'On Windows, fomular-daemon runs in WSL: agents need what only a Unix has.' \
        'Install it with `wsl --install`, and run this there.'
      ;;
    *) fail "There is no executable for $kernel." 'With Node 18.19 or newer: npm install -g @fomular-os/daemon' ;;
  esac
  machine=$(uname -m)
  case $machine in
    x86_64 | amd64) arch=x64 ;;
    aarch64 | arm64) arch=arm64 ;;
    *) fail "There is no executable for $machine." 'With Node 18.19 or newer: npm install -g @fomular-os/daemon' ;;
  esac
  # A shell that runs in translation on Apple silicon says otherwise.
  if [ "$os" = macos ] && [ "$(sysctl -n sysctl.proc_translated 2>/dev/null || :)" = 1 ]; then arch=arm64; fi
  if [ "$(getconf LONG_BIT 2>/dev/null || echo 64)" = 32 ]; then
    fail 'This is a 32-bit system: there is no executable for it.' 'Install a 64-bit one.'
  fi
  asset=fomular-daemon-$os-$arch
  program=bin/fomular-daemon
  [ "$os" = macos ] || libc
}

# The executable is for glibc from 2.28 on. Elsewhere the distribution's own Node runs the program.
libc() {
  obstacle=''
  glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null | sed -n 's/^glibc \([0-9]*\.[0-9]*\).*/\1/p')
  if [ -n "$glibc" ]; then
    if [ "${glibc%%.*}" -lt 2 ] || { [ "${glibc%%.*}" = 2 ] && [ "${glibc#*.}" -lt 28 ]; }; then
      obstacle="This system has glibc $glibc; the executable needs 2.28 or newer."
    fi
  elif ldd --version 2>&1 </dev/null | grep -i musl >/dev/null; then
    obstacle='This system has musl in place of glibc, which the executable needs.'
  fi
  [ -n "$obstacle" ] || return 0
  node=$(node -p process.versions.node 2>/dev/null </dev/null || :)
  major=${node%%.*}
  minor=${node#*.}
  minor=${minor%%.*}
  if [ -z "$node" ] || [ "$major" -lt 18 ] || { [ "$major" = 18 ] && [ "$minor" -lt 19 ]; }; then
    fail "$obstacle" 'Install Node 18.19 or newer (on Alpine: apk add nodejs), and run this again: it will use that.'
  fi
  say "$obstacle Node $node will run the program."
  asset=''
  program=dist/index.js
}

has() { command -v "$1" >/dev/null 2>&1; }

tools() {
  if has curl; then
    downloader=curl
  elif has wget; then
    downloader=wget
    gnu_wget=$(wget --version 2>/dev/null </dev/null | sed -n 's/^GNU Wget.*/yes/p' || :)
  else
    fail 'Neither curl nor wget is on this machine.' 'Install one of them: apt-get install curl'
  fi
  if has sha256sum; then
    hasher=sha256sum
  elif has shasum; then
    hasher='shasum -a 256'
  elif has openssl; then
    hasher='openssl dgst -sha256 -r'
  else
    fail 'There is nothing here to check a sha256 with.' 'Install coreutils, perl or openssl.'
  fi
  for tool in mktemp sed gzip; do has "$tool" || fail "There is no $tool on this machine." "Install $tool."; done
}

# check_ground [install]: refuses a place in which another user, besides root, could change the program. An installation
# that is there already is only warned of what others may write to, so that it can be upgraded.
check_ground() {
  trusted=" 0 $user "
  # Who may call this as root needs no other way to be root.
  if [ "$user" = 0 ]; then trusted="$trusted${SUDO_UID:-0} "; fi
  # In a user namespace, all users that are not mapped into it have one number, root of the machine among them.
  if [ -r /proc/self/uid_map ] && ! grep '^ *0  *0  *4294967295$' /proc/self/uid_map >/dev/null; then
    trusted="$trusted$(cat /proc/sys/kernel/overflowuid) "
  fi
  for path in "$versions" "$prefix/current" "$entry"; do
    found=$(fault_on owner "$path")
    [ -z "$found" ] || fail "$found belongs to another user, who could change the program." \
      'Run this as that user, or give another --prefix. If you trust that user, set FOMULAR_STRICT_MODES=false.'
  done
  [ -n "${1:-}" ] || return 0
  for path in "$versions" "$prefix/current" "$entry"; do
    found=$(fault_on mode "$path")
    [ -n "$found" ] || continue
    if [ -L "$prefix/current" ]; then
      note "! Other users can write to $found, and could change the program. Mend that: chmod go-w $found"
      return 0
    fi
    fail "Other users can write to $found, and could change the program." \
      "Run chmod go-w $found, or give another --prefix. If you trust those users, set FOMULAR_STRICT_MODES=false."
  done
}

# fault_on KIND PATH: what lets another user change what is at a path, of the path, the folders above, and what links on
# the way lead to: what belongs to another user (owner), or can be written to by others (mode).
fault_on() {
  case ${FOMULAR_STRICT_MODES:-} in
    false | 0) ;;
    *) look_on "$1" "$2" 40 last ;;
  esac
}

# look_on KIND PATH LINKS LAST
look_on() (
  path=$2
  last=$4
  while :; do
    # shellcheck disable=SC2012
    stat=$(LC_ALL=C ls -dn "$path" 2>/dev/null | sed -n '1s/^\([^ ]*\)  *[^ ]*  *\([0-9]*\)  *\([0-9]*\) .*/\1 \2 \3/p')
    if [ -n "$stat" ]; then
      owner=${stat% *}
      owner=${owner#* }
      case $1:$trusted in
        mode:*) is_open "${stat%% *}" "${stat##* }" "$last" ;;
        *" $owner "*) false ;;
        *) true ;;
      esac && {
        printf '%s' "$path"
        return
      }
    fi
    if [ -L "$path" ] && [ "$3" -gt 0 ]; then
      to=$(readlink "$path")
      case $to in
        /*) ;;
        *) to=${path%/*}/$to ;;
      esac
      found=$(look_on "$1" "$to" $(($3 - 1)) "$last")
      if [ -n "$found" ]; then
        printf '%s' "$found"
        return
      fi
    fi
    [ "$path" != / ] || return 0
    path=${path%/*}
    path=${path:-/}
    last=''
  done
)

# is_open MODE GROUP LAST: whether others can write to it. In a sticky folder, nobody can replace what is another's.
is_open() {
  case $1:$3 in
    l* | ?????????[tT]*:) return 1 ;;
  esac
  case $1 in
    ????????w*) return 0 ;;
    ?????w*) has_strangers "$2" ;;
    *) return 1 ;;
  esac
}

# has_strangers GROUP: whether a group may have members besides root and this user.
has_strangers() {
  if [ "$(uname -s)" = Darwin ]; then
    # Members of wheel and admin may become root anyway.
    case $1 in
      0 | 80) return 1 ;;
      *) return 0 ;;
    esac
  fi
  harmless=' '
  known=''
  if [ -r /etc/passwd ]; then
    while IFS=: read -r name _ uid gid _ _ shell; do
      case "$trusted:$1:$shell" in
        *" $uid "*:*) harmless="$harmless$name " ;;
        # Some systems have services in root's group, which nobody can log in as.
        *:0:*/nologin | *:0:*/false | *:0:*/sync | *:0:*/halt | *:0:*/shutdown) harmless="$harmless$name " ;;
        *) [ "$gid" != "$1" ] || return 0 ;;
      esac
      if [ "$gid" = "$1" ]; then known=1; fi
    done </etc/passwd
  fi
  if [ -r /etc/group ]; then
    while IFS=: read -r name _ gid members; do
      [ "$gid" = "$1" ] || continue
      known=1
      for member in $(printf '%s' "$members" | tr , ' '); do
        case $harmless in
          *" $member "*) ;;
          *) return 0 ;;
        esac
      done
    done </etc/group
  fi
  [ -z "$known" ] || return 1
  # That of a container's volume, for one, which no directory service knows either.
  case " $(id -G) " in
    *" $1 "*) has getent && getent group "$1" >/dev/null 2>&1 ;;
    *) return 0 ;;
  esac
}

# A folder for what is not finished: inside of the prefix, so that moving it into place is one step.
begin() {
  if [ -n "$dry_run" ]; then
    work=$(mktemp -d "${TMPDIR:-/tmp}/fomular-install.XXXXXX") || fail "${TMPDIR:-/tmp} cannot be written." 'Set TMPDIR.'
    return 0
  fi
  make_dir "$versions"
  work=$(mktemp -d "$versions/.tmp-XXXXXX") || fail "$versions cannot be written." 'Give another --prefix, or free the disk.'
  holder=$(sed -n 's/.*"pid":\([0-9]*\).*/\1/p' "$versions/.lock" 2>/dev/null || :)
  if [ -n "$holder" ] && kill -0 "$holder" 2>/dev/null; then
    fail "The daemon is updating this installation (process $holder)." 'Try again in a minute.'
  fi
}

# Makes a folder and those above, and remembers which: they go again if this does not come to its end.
make_dir() {
  [ -d "$1" ] && return 0
  case $1 in
    */*/*) make_dir "${1%/*}" ;;
  esac
  mkdir "$1" || fail "$1 cannot be made." 'Give a --prefix that this user can write to.'
  made="$1
$made"
}

cleanup() {
  if [ -n "$work" ]; then rm -rf "$work"; fi
  printf '%s' "$made" | while IFS= read -r dir; do rmdir "$dir" 2>/dev/null || :; done
}

# Runs a program with a limit on the size of the files that it writes, since a download may never end. Its messages go
# into a file, too.
bounded() {
  (
    ulimit -f "$(($1 / 512 + 128))" 2>/dev/null || :
    shift
    exec "$@"
  )
}

# fetch URL FILE BYTES [progress]: gets a URL of at most so many bytes into a file, from where an earlier try ended.
# Status 1: there is no such thing; all else ends here.
fetch() {
  try=1
  while :; do
    status=''
    code=0
    if [ "$downloader" = curl ]; then
      fetch_curl "$1" "$2" "$3" "${4:-}" || code=$?
      if [ "$status" = 000 ]; then status=''; fi
      refuse_longer "$1" "$2" "$3"
      case $code in
        0) return 0 ;;
        22) case $status in
            404 | 410) return 1 ;;
            416) rm -f "$2" ;;
            5?? | 408 | 429) ;;
            *) fail "$1 answers HTTP $status." 'Is the address right?' ;;
          esac ;;
        23) no_space "$2" ;;
        # The server does not go on in the midst of a file.
        33 | 36) rm -f "$2" ;;
        35 | 51 | 53 | 54 | 58 | 59 | 60 | 66 | 77 | 83) untrusted "$1" ;;
      esac
    else
      fetch_wget "$1" "$2" "$3" || code=$?
      refuse_longer "$1" "$2" "$3"
      case $code in
        0) return 0 ;;
        3) no_space "$2" ;;
        5) untrusted "$1" ;;
        *) if grep -E '(404|410)( |$)' "$work/wget.log" >/dev/null 2>&1; then return 1; fi
          if grep -i 'no space' "$work/wget.log" >/dev/null 2>&1; then no_space "$2"; fi ;;
      esac
    fi
    if [ "$try" -ge 5 ]; then
      fail "$1 cannot be downloaded ($downloader: $code${status:+, HTTP $status})." "$NO_WAY"
    fi
    sleep "$try"
    try=$((try + 1))
  done
}

refuse_longer() {
  if [ -f "$2" ] && [ "$(wc -c <"$2")" -gt "$3" ]; then
    fail "$1 is longer than $3 bytes, the most that it may have." 'Is the address right? Nothing was installed.'
  fi
}

untrusted() {
  if grep -i -E 'not yet|expired' "$work/$downloader.log" >/dev/null 2>&1; then
    fail "The certificate of $1 is not good at the time that this machine has: $(date)." \
      'Set the clock, if that is wrong. Else the certificate has to be renewed.'
  fi
  fail "The certificate of $1 is not trusted here." \
    'Install ca-certificates, or give the authority with --ca-file FILE.'
}

fetch_curl() {
  output=-sS
  most=$3
  if [ -n "$4" ] && [ -t 2 ]; then output=-#; fi
  set -- "$1" "$2" -f -L "$output" --connect-timeout 20 --speed-time 30 --speed-limit 1 -o "$2" -w '%{http_code}'
  case $1 in
    https:*) set -- "$@" --proto =https ;;
    *) set -- "$@" --proto =http,https ;;
  esac
  if [ -n "$ca_file" ]; then set -- "$@" --cacert "$ca_file"; fi
  if [ -s "$2" ]; then set -- "$@" -C -; fi
  url=$1
  shift 2
  if [ "$output" = -# ]; then
    status=$(bounded "$most" curl "$@" "$url" </dev/null)
  else
    status=$(bounded "$most" curl "$@" "$url" </dev/null 2>"$work/curl.log")
  fi
}

fetch_wget() {
  most=$3
  set -- "$1" "$2" -c -O "$2"
  # By itself it would try twenty times. Of busybox's, -t is unknown, and some versions crash on -T.
  if [ -n "$gnu_wget" ]; then set -- "$@" -T 30 -t 1; fi
  if [ -n "$ca_file" ]; then set -- "$@" "--ca-certificate=$ca_file"; fi
  url=$1
  shift 2
  bounded "$most" wget "$@" "$url" </dev/null 2>"$work/wget.log"
}

# Posts JSON to a URL, and sets the status of the answer: empty where nothing here can post without showing it to others.
ask() {
  status=''
  code=0
  if [ "$downloader" = curl ]; then
    set -- "$1" "$2" -sS -o /dev/null -w '%{http_code}' --connect-timeout 20 --max-time 60 --retry 3 \
      -H 'Content-Type: application/json' --data-binary @-
    if [ -n "$ca_file" ]; then set -- "$@" --cacert "$ca_file"; fi
    url=$1
    body=$2
    shift 2
    status=$(printf '%s' "$body" | curl "$@" "$url" 2>"$work/curl.log") || code=$?
    case $code in
      0) return 0 ;;
      35 | 51 | 53 | 54 | 58 | 59 | 60 | 66 | 77 | 83) untrusted "$url" ;;
    esac
  elif [ -n "$gnu_wget" ]; then
    url=$1
    printf '%s' "$2" >"$work/body"
    set -- -S -O "$work/answer" -T 60 -t 3 --header='Content-Type: application/json' "--post-file=$work/body"
    if [ -n "$ca_file" ]; then set -- "$@" "--ca-certificate=$ca_file"; fi
    bounded "$SMALL" wget "$@" "$url" </dev/null 2>"$work/wget.log" || code=$?
    rm -f "$work/body" "$work/answer"
    status=$(sed -n 's,^ *HTTP/[0-9.]* \([0-9][0-9]*\).*,\1,p' "$work/wget.log" | tail -n 1)
    case $code in
      0 | 8) return 0 ;;
      5) untrusted "$url" ;;
    esac
  else
    return 0
  fi
  fail "$url cannot be reached ($downloader: $code)." "$NO_WAY"
}

# Asks the hub about the token before anything is downloaded. What it does not answer here, it answers to the program.
check_token() {
  [ -n "$token" ] || return 0
  case $token in
    *[!A-Za-z0-9_-]*) usage_error 'The token is not as the hub showed it.' ;;
  esac
  request="\"token\":\"$token\""
  [ -n "$force" ] || add_present_key
  ask "$(web "$server_url")/enroll/check" "{$request}"
  case $status in
    '' | 200 | 404 | 405) ;;
    400 | 401)
      fail "$server_url does not accept this token: it is not known there, has expired, or has been used." \
        'Get a new line: `fomular-daemon machine add` where the hub is. Nothing was installed.'
      ;;
    *) fail "$url answers HTTP $status." 'Is the address right, and the hub running? Then run this again.' ;;
  esac
}

# A machine that is enrolled at this hub needs no token; one of another hub does not leave it unasked.
add_present_key() {
  present=$(web "$(setting server_url)")
  key=$(setting key_file)
  case $key in
    /*) ;;
    *) key=${config%/*}/$key ;;
  esac
  if [ -z "$present" ] || [ ! -s "$key" ] || [ ! -r "$key" ]; then return 0; fi
  if [ "$(lower "$present")" != "$(lower "$(web "$server_url")")" ]; then
    fail "This machine is enrolled at $present already." 'To have it leave that one for this one, add --force.'
  fi
  request="$request,\"key_sha256\":\"$(printf '%s' "$(cat "$key")" | $hasher | sed 's/[^0-9a-f].*//')\""
}

setting() { sed -n "s/^[[:space:]]*$1[[:space:]]*=[[:space:]]*[\"']\([^\"']*\)[\"'].*/\1/p" "$config" 2>/dev/null | head -n 1; }
lower() { printf '%s' "$1" | tr '[:upper:]' '[:lower:]'; }

no_space() { fail "${1%/*} cannot be written: is the disk full?" 'Make room on it, or give another --prefix.'; }

hash_of() { $hasher <"$1" | sed 's/[^0-9a-f].*//'; }

# Sets size and sha256 of a file, by the manifest.
facts() {
  line=$(sed -n "s/^{\"name\":\"$1\",\"size\":\([0-9]*\),\"sha256\":\"\([0-9a-f]*\)\".*/\1 \2/p" "$work/manifest.json")
  size=${line% *}
  sha256=${line#* }
  [ -n "$line" ]
}

check_file() {
  facts "$2"
  if [ "$(hash_of "$1")" = "$sha256" ]; then return 0; fi
  # What a disk that is full leaves behind is shorter.
  if [ "$(wc -c <"$1")" -lt "$size" ]; then no_space "$1"; fi
  fail "$2 is not what the manifest says: its sha256 is $(hash_of "$1"), not $sha256." \
    'It was damaged or changed on the way. Nothing was installed. Try again; if it stays, tell whoever runs that server.'
}

manifest() {
  named=yes
  if [ "$version" = latest ]; then
    named=''
    fetch "$base_url/latest" "$work/latest" "$SMALL" || fail "There is no release at $base_url." 'Is that the right --base-url?'
    version=$(head -n 1 "$work/latest")
    case $version in
      '' | [!0-9]* | *[!0-9A-Za-z.+-]*) fail "$base_url/latest names no version." 'Is that the right --base-url?' ;;
    esac
  fi
  fetch "$base_url/$version/manifest.json" "$work/manifest.json" "$MANIFEST" ||
    fail "There is no version $version at $base_url." 'Leave out --version for the latest one.'
  check_signature
  case $(head -n 1 "$work/manifest.json") in
    "{\"schema\":1,\"name\":\"@fomular-os/daemon\",\"version\":\"$version\","*) ;;
    *) fail "The manifest at $base_url/$version is not one of version $version that this installer can read." \
      'Get the installer anew, from where the releases are.' ;;
  esac
  if [ -n "$asset" ]; then
    file=$asset.gz
  else
    asset=fomular-os-daemon-$version.tgz
    file=$asset
  fi
  facts "$file" || fail "Version $version has no $file." 'Choose another with --version.'
}

check_signature() {
  if [ -z "$public_key" ]; then
    note '! This copy of the installer has no key: the signature of the release was not checked.'
    return 0
  fi
  if [ -n "$skip_signature" ]; then
    note '! The signature was not checked, as you said.'
    return 0
  fi
  fetch "$base_url/$version/manifest.json.minisig" "$work/manifest.json.minisig" "$SMALL" ||
    fail "Version $version is not signed." 'Do not install it, unless you know why: --skip-signature.'
  if ! has minisign; then
    case $(openssl version 2>/dev/null </dev/null || :) in
      'OpenSSL '[3-9]*) ;;
      *) fail 'There is nothing here to check the signature of the release with.' \
        'Install minisign or OpenSSL 3; or, if you trust the connection, give --skip-signature.' ;;
    esac
  fi
  keys=$public_key
  is_signed "$work/manifest.json" && return 0
  follow_keys
  is_signed "$work/manifest.json" ||
    fail 'The signature of the manifest is not by the key that releases are signed with.' \
      'Somebody may have changed the release. Nothing was installed.'
}

# Whether one of the keys has signed a file.
is_signed() {
  for key in $keys; do
    if is_signed_by "$key" "$1"; then return 0; fi
  done
  return 1
}

is_signed_by() {
  if has minisign; then
    minisign -V -q -m "$2" -x "$2.minisig" -P "$1" >/dev/null 2>&1 </dev/null
    return
  fi
  # minisign's formats: two letters and the key's number, 10 bytes, before the key and before the signature.
  {
    printf '\060\052\060\005\006\003\053\145\160\003\041\000'
    printf '%s' "$1" | openssl base64 -d -A | tail -c +11
  } >"$work/key.der"
  sed -n 2p "$2.minisig" | tr -d '\r\n' | openssl base64 -d -A | tail -c +11 >"$work/signature"
  openssl pkeyutl -verify -pubin -keyform DER -inkey "$work/key.der" -rawin -in "$2" \
    -sigfile "$work/signature" >/dev/null 2>&1 </dev/null
}

# Takes the keys that lists signed by the present ones have put in their place.
follow_keys() {
  list=$work/keys.txt
  number=1
  while [ "$number" -le 32 ]; do
    rm -f "$list" "$list.minisig"
    fetch "$base_url/$version/keys-$number.txt" "$list" "$SMALL" || break
    fetch "$base_url/$version/keys-$number.txt.minisig" "$list.minisig" "$SMALL" || break
    if [ "$(head -n 1 "$list")" = 'fomular-daemon release keys' ] && is_signed "$list"; then keys=$(sed 1d "$list"); fi
    number=$((number + 1))
  done
}

# Refuses a way back that nobody has asked for: what `latest` says is not signed.
check_direction() {
  [ -z "$named" ] && [ -n "$previous" ] && [ "$previous" != "$version" ] || return 0
  has awk || fail 'There is no awk on this machine.' 'Install it, or name the version: --version X.'
  if is_older "$version" "$previous"; then
    fail "The latest version at $base_url is $version, which is older than $previous, which is installed." \
      "If you want it, name it: --version $version"
  fi
}

# Whether the first version comes before the second.
is_older() {
  LC_ALL=C awk -v a="$1" -v b="$2" 'BEGIN {
    sub(/[+].*/, "", a)
    sub(/[+].*/, "", b)
    at = index(a, "-")
    bt = index(b, "-")
    split(at ? substr(a, 1, at - 1) : a, A, ".")
    split(bt ? substr(b, 1, bt - 1) : b, B, ".")
    for (i = 1; i <= 3; i++) if (A[i] + 0 != B[i] + 0) exit !(A[i] + 0 < B[i] + 0)
    # A prerelease comes before its release.
    if (!at || !bt) exit !(at && !bt)
    n = split(substr(a, at + 1), A, ".")
    m = split(substr(b, bt + 1), B, ".")
    for (i = 1; i <= n && i <= m; i++) {
      if (A[i] "" == B[i] "") continue
      p = A[i] ~ /^[0-9]+$/
      q = B[i] ~ /^[0-9]+$/
      if (p && q) exit !(A[i] + 0 < B[i] + 0)
      if (p != q) exit !p
      exit !(A[i] "" < B[i] "")
    }
    exit !(n < m)
  }' </dev/null
}

# Warns of a release that is old for the latest one.
check_age() {
  date=$(sed -n '1s/.*"date":"\([0-9]*-[0-9]*-[0-9]*\)T.*/\1/p' "$work/manifest.json")
  [ -z "$named" ] && [ -n "$date" ] && has awk || return 0
  age=$(awk -v made="$date" -v now="$(date -u +%Y-%m-%d)" 'function days(t, y, m) {
    y = substr(t, 1, 4) + 0
    m = substr(t, 6, 2) + 0
    if (m < 3) { y--; m += 12 }
    return 365 * y + int(y / 4) - int(y / 100) + int(y / 400) + int((153 * m - 457) / 5) + substr(t, 9, 2)
  } BEGIN { print days(now) - days(made) }' </dev/null)
  [ "$age" -gt 90 ] || return 0
  note "! Version $version was made on $date, $age days ago, but is the latest at $base_url: newer ones may be kept back there."
}

# Whether this version is there, whole.
is_installed() {
  [ -x "$versions/$version/$program" ] || return 1
  if [ "$program" = dist/index.js ]; then
    [ "$("$versions/$version/$program" --version 2>/dev/null </dev/null)" = "$version" ]
  else
    facts "$asset"
    [ "$(hash_of "$versions/$version/$program")" = "$sha256" ]
  fi
}

megabytes() { echo $((($1 + 999999) / 1000000)) MB; }

download() {
  facts "$asset"
  unpacked=$size
  facts "$file"
  free=$(df -Pk "$work" 2>/dev/null | sed -n '2s/.* \([0-9][0-9]*\)  *[0-9][0-9]*% .*/\1/p')
  if [ -n "$free" ] && [ "$((free * 1000))" -lt "$((size + unpacked + 1000000))" ]; then
    fail "There is too little room at $prefix: $(megabytes $((size + unpacked))) are needed, $(megabytes $((free * 1000))) are free." \
      'Make room on that disk, or give another --prefix.'
  fi
  say "Downloading fomular-daemon $version for $os-$arch, $(megabytes "$size")."
  fetch "$base_url/$version/$file" "$work/$file" "$size" progress ||
    fail "Version $version is incomplete: there is no $base_url/$version/$file." 'Choose another with --version.'
  check_file "$work/$file" "$file"
}

unpack() {
  staged=$work/staged
  mkdir "$staged"
  if [ "$program" = dist/index.js ]; then
    has tar || fail 'There is no tar on this machine.' 'Install tar.'
    { gzip -dc <"$work/$file" | tar -xof - -C "$work"; } || no_space "$work/$file"
    rmdir "$staged"
    mv "$work/package" "$staged"
  else
    mkdir "$staged/bin"
    gzip -dc <"$work/$file" >"$staged/$program" || no_space "$staged/$program"
    check_file "$staged/$program" "$asset"
    case $os in
      macos) npm=darwin-$arch ;;
      *) npm=$os-$arch ;;
    esac
    # As the npm package of this executable has it: what the updater takes a version to be.
    printf '{"name":"@fomular-os/daemon-%s","version":"%s"}\n' "$npm" "$version" >"$staged/package.json"
  fi
  chmod 755 "$staged/$program"
  rm -f "$work/$file"
  said=$("$staged/$program" --version 2>&1 </dev/null) || :
  [ "$said" = "$version" ] || fail "The program does not run here. It says: $said" \
    'Is the disk mounted noexec? Give another --prefix. Else tell its makers what it says.'
}

# Points a link somewhere else, in one step where this system can.
relink() {
  rm -f "$2.new"
  ln -s "$1" "$2.new" || no_space "$2"
  mv -Tf "$2.new" "$2" 2>/dev/null || mv -hf "$2.new" "$2" 2>/dev/null || {
    ln -sfn "$1" "$2"
    rm -f "$2.new"
  }
}

switch() {
  if [ -e "$versions/$version" ]; then mv "$versions/$version" "$work/damaged"; fi
  mv "$staged" "$versions/$version"
}

activate() {
  make_dir "$prefix/bin"
  relink "versions/$version" "$prefix/current"
  relink "../current/$program" "$entry"
  # From here on it is installed.
  made=''
  if [ -n "$link" ]; then
    found=$(fault_on owner "${link%/*}")
    if [ -n "$found" ]; then
      note "! $found belongs to another user: no link was made there. Call $entry."
      link=''
    elif [ -L "$link" ] || [ ! -e "$link" ]; then
      mkdir -p "${link%/*}"
      relink "$entry" "$link"
      remember "link $link"
    else
      note "! $link is there, and not from here: it was left alone. Call $entry."
      link=''
    fi
  fi
}

# Completion for shells, and the manual. An installation is whole without them.
furnish() {
  put "$share/bash-completion/completions/fomular-daemon" completion bash
  put "$share/zsh/site-functions/_fomular-daemon" completion zsh
  put "$share/fish/vendor_completions.d/fomular-daemon.fish" completion fish
  put "$manual/man/man1/fomular-daemon.1" man-page
  case $share:$previous:${SHELL:-} in
    /usr/local/share:*) ;;
    *::*/zsh) say "For completion, put fpath=($share/zsh/site-functions \$fpath) before compinit in ~/.zshrc." ;;
  esac
}

# put FILE ARGUMENTS: what the program says to them. A file that is not from here is left alone, and so is a place that
# others can change: a link of theirs could lead elsewhere.
put() {
  path=$1
  shift
  if [ -e "$path" ] && ! grep -Fx "file $path" "$receipt" >/dev/null 2>&1; then return 0; fi
  found=$(fault_on owner "$path")
  [ -n "$found" ] || found=$(fault_on mode "${path%/*}")
  if [ -n "$found" ]; then
    note "! Other users can change $found: ${path##*/} was not put there."
    return 0
  fi
  text=$("$entry" "$@" 2>/dev/null </dev/null) || return 0
  if mkdir -p "${path%/*}" 2>/dev/null && rm -f "$path.new" && (
    set -C
    printf '%s\n' "$text" >"$path.new"
  ) 2>/dev/null; then
    mv -f "$path.new" "$path"
    remember "file $path"
  fi
}

remember() { grep -Fx "$1" "$receipt" >/dev/null 2>&1 || printf '%s\n' "$1" >>"$receipt"; }

# The version before stays, for a way back; older ones go.
drop_older() {
  for dir in "$versions"/[0-9]*; do
    case ${dir##*/} in
      "$version" | "$previous") ;;
      *) if [ -d "$dir" ]; then rm -rf "$dir"; fi ;;
    esac
  done
}

connect() {
  [ -n "$server_url" ] || return 0
  set -- enroll --server-url "$server_url"
  if [ -n "$ca_file" ]; then
    # Keeps a copy: the file given here may be deleted later, or unreadable for the user of a service.
    if ! cp "$ca_file" "$prefix/ca.pem.new" || ! chmod 644 "$prefix/ca.pem.new"; then no_space "$prefix/ca.pem"; fi
    mv -f "$prefix/ca.pem.new" "$prefix/ca.pem"
    set -- "$@" --ca-file "$prefix/ca.pem"
  fi
  if [ -n "$allow_insecure" ]; then set -- "$@" --allow-insecure; fi
  if [ -n "$force" ] && [ -n "$token" ]; then set -- "$@" --force; fi
  if [ -n "$token" ]; then
    said=$(printf '%s\n' "$token" | "$entry" "$@" --token-stdin) ||
      fail 'The program is installed, but this machine is not enrolled.' 'Do what it says, then run this again.'
    say "${said%%
*}"
  else
    "$entry" "$@" --with-key "$key_file" >/dev/null </dev/null || fail 'The program is installed, but its configuration could not be written.'
  fi
}

manager() {
  if [ "$service" = auto ]; then
    service=none
    if [ -n "$server_url" ]; then
      service=background
      if [ "$os" = macos ]; then
        service=launchd
      elif [ -d /run/systemd/system ]; then
        if [ "$user" = 0 ]; then service=systemd; elif systemctl --user show-environment >/dev/null 2>&1 </dev/null; then service=systemd-user; fi
      fi
    fi
  elif [ "$service" = systemd ] && [ "$user" != 0 ]; then
    service=systemd-user
  fi
}

start() {
  case $service in
    none) ;;
    background)
      is_running && return 0
      # It is nobody's child, and starts itself anew when it must.
      if has setsid; then
        (setsid "$entry" >/dev/null 2>&1 </dev/null &)
      else
        (nohup "$entry" >/dev/null 2>&1 </dev/null &)
      fi
      tries=0
      until own status >/dev/null 2>&1; do
        tries=$((tries + 1))
        if [ "$tries" -ge 20 ]; then
          fail 'The daemon was started, but is not connected to its server.' 'fomular-daemon logs, and fomular-daemon doctor, say why.'
        fi
        sleep 1
      done
      say 'The daemon runs, and is connected. Nothing starts it after a reboot: see `fomular-daemon service --help`.'
      ;;
    *)
      "$entry" service install --manager "$service" </dev/null ||
        fail 'The program is installed, but its service is not.' "Correct what it says, then: fomular-daemon service install --manager $service"
      remember "service $service"
      ;;
  esac
}

# Tells the service that was installed from here something: there may be others, as that of a hub.
service() {
  what=$1
  shift
  "$entry" service "$what" --manager "$used" --name fomular-daemon "$@" </dev/null
}

# Tells this user's own daemon something, whichever else run on this machine.
own() { FOMULAR_STATE_DIR=$state "$entry" "$@" </dev/null; }

is_running() {
  if [ -n "$used" ]; then
    service status >/dev/null 2>&1
  else
    own_runs
  fi
}

# 1: it runs, but its server does not hear it.
own_runs() { own status >/dev/null 2>&1 || [ $? = 1 ]; }

restart_running() {
  [ -n "$previous" ] && [ "$previous" != "$version" ] && [ -n "$restart" ] || return 0
  is_running || return 0
  if [ -n "$used" ]; then service restart; else own restart; fi ||
    note "! The daemon could not be started anew: it goes on as the version before. Try: fomular-daemon ${used:+service }restart"
}

explain_path() {
  dir=$prefix/bin
  if [ -n "$link" ]; then dir=${link%/*}; fi
  found=$(command -v fomular-daemon 2>/dev/null || :)
  case ":$PATH:" in
    *":$dir:"*)
      if [ "$found" != "$dir/fomular-daemon" ] && [ -n "$found" ]; then
        note "! \`fomular-daemon\` is another one, $found: take that away, or put $dir before it on PATH."
      fi
      ;;
    *)
      say 'Its folder is not on PATH. Add it, for new shells as well:'
      add_to_path
      ;;
  esac
}

# The line for the shell that new terminals have: it changes that one, and the files that others of its kind read.
add_to_path() {
  case $dir in
    "$home"/*) folder="\$HOME$(printf '%s' "${dir#"$home"}" | sed 's/[\\"$`]/\\&/g')" ;;
    *) folder=$(printf '%s' "$dir" | sed 's/[\\"$`]/\\&/g') ;;
  esac
  shell=${SHELL:-$(getent passwd "$user" 2>/dev/null | sed 's/.*://')}
  if [ "${shell##*/}" = fish ]; then
    say "  fish_add_path \"$folder\""
    return 0
  fi
  # A login shell reads one file, the first there is; a shell in a terminal's window reads another.
  login='~/.profile'
  case ${shell##*/} in
    bash)
      for file in .bash_login .bash_profile; do
        if [ -e "$home/$file" ]; then login="~/$file"; fi
      done
      files="~/.bashrc $login"
      ;;
    zsh) files="${ZDOTDIR:-~}/.zshrc" ;;
    mksh) files="~/.mkshrc $login" ;;
    ksh | ksh93) files="~/.kshrc $login" ;;
    *) files=$login ;;
  esac
  assignment="export PATH=\"$folder:\$PATH\""
  say "  printf '%s\\n' '$(printf '%s' "$assignment" | sed "s/'/'\\\\''/g")' | tee -a $files; $assignment"
}

install() {
  check_flags
  platform
  tools
  check_ground install
  if [ -e "$entry" ] && [ ! -L "$entry" ]; then
    fail "$entry is there, and not from here." 'Move it away, or give another --prefix.'
  fi
  begin
  check_token
  manifest
  manager
  previous=$(readlink "$prefix/current" 2>/dev/null || :)
  previous=${previous##*/}
  previous=${previous#.trial-}
  check_direction
  check_age
  whole=''
  if is_installed; then whole=yes; fi
  if [ -n "$dry_run" ]; then
    would
    return 0
  fi
  if [ -z "$whole" ]; then
    download
    unpack
    switch
  fi
  activate
  drop_older
  if [ -n "$whole" ] && [ "$previous" = "$version" ]; then
    say "fomular-daemon $version is installed already, in $prefix."
  elif [ -n "$previous" ]; then
    say "fomular-daemon $version is installed in $prefix, in place of $previous."
  else
    say "fomular-daemon $version is installed in $prefix."
  fi
  furnish
  connect
  restart_running
  start
  explain_path
  if [ -z "$server_url$previous" ]; then
    say 'To begin: `fomular-daemon up` runs everything on this machine; `fomular-daemon doctor` says what is missing.'
  fi
}

would() {
  facts "$file"
  if [ -n "$whole" ]; then
    say "Version $version is there already, in $versions/$version."
  else
    say "Would download $base_url/$version/$file, $(megabytes "$size"), to $versions/$version."
  fi
  say "Would point $prefix/current to versions/$version${previous:+ (now $previous)}, and $entry to the program in it."
  if [ -n "$link" ]; then say "Would link $link to it."; fi
  say "Would put completion for bash, zsh and fish, into $share, and the manual into $manual/man."
  if [ -n "$token" ]; then say "Would enroll this machine at $server_url."; fi
  if [ -n "$key_file" ]; then say "Would write down $server_url and $key_file in the configuration file."; fi
  case $service in
    none) ;;
    background) say 'Would start it in the background: there is no service manager here.' ;;
    *) say "Would install it as a service with $service." ;;
  esac
}

remove() {
  check_ground
  if [ ! -d "$versions" ] && [ ! -L "$entry" ]; then
    say "Nothing of fomular-daemon is installed in $prefix."
  else
    stop_all
    if [ -f "$receipt" ]; then
      sed -n 's/^link //p' "$receipt" | while IFS= read -r path; do
        if [ "$(readlink "$path" 2>/dev/null || :)" = "$entry" ]; then forget -f "$path"; fi
      done
    fi
    if [ -f "$receipt" ]; then
      sed -n 's/^file //p' "$receipt" | while IFS= read -r path; do
        forget -f "$path"
        dir=${path%/*}
        while [ "$dir" != "$home" ] && [ "$dir" != /usr/local/share ] && rmdir "$dir" 2>/dev/null; do
          dir=${dir%/*}
        done
      done
    fi
    forget -f "$entry" "$prefix/current" "$receipt"
    for path in "$versions"/[0-9]* "$versions"/.tmp-* "$versions"/.trial-* "$versions/.lock"; do
      if [ -e "$path" ]; then forget -rf "$path"; fi
    done
  fi
  if [ -n "$purge" ]; then purge_state; fi
  [ -z "$dry_run" ] || return 0
  for dir in "$versions" "$prefix/bin" "$prefix/share" "$prefix"; do rmdir "$dir" 2>/dev/null || :; done
  say 'fomular-daemon is taken away.'
  [ -z "$purge" ] || return 0
  [ ! -d "$home/.fomular" ] || say "State and settings are still there: --uninstall --purge removes them as well. State: $home/.fomular"
}

forget() {
  how=$1
  shift
  for path in "$@"; do
    if [ ! -e "$path" ] && [ ! -L "$path" ]; then continue; fi
    if [ -n "$dry_run" ]; then say "Would remove $path."; else rm "$how" "$path" || fail "$path cannot be removed."; fi
  done
}

# Ends what runs of it, agents included, and takes away its services.
stop_all() {
  [ -x "$entry" ] || return 0
  set -- service uninstall --all
  if [ -n "$purge" ]; then set -- "$@" --purge; fi
  if [ -n "$dry_run" ]; then set -- "$@" --dry-run; fi
  # A version before this installer's knows one service, and nothing of the rest.
  if "$entry" service uninstall --help 2>/dev/null </dev/null | grep -e --all >/dev/null; then
    "$entry" "$@" </dev/null || note '! Not all of its services could be taken away.'
  elif [ -n "$used" ] && [ -n "$dry_run" ]; then
    say "Would take away its service with $used."
  elif [ -n "$used" ]; then
    service uninstall || note "! Its service with $used could not be taken away."
  fi
  [ -d "$state" ] || return 0
  own_runs || return 0
  if [ -n "$dry_run" ]; then
    say 'Would stop the daemon and its agents.'
  else
    own stop || note '! The daemon could not be stopped.'
  fi
}

purge_state() {
  [ -n "$home" ] || fail 'HOME is not set: it is not clear whose state to remove.'
  if [ -L "$state" ]; then
    say "Left $state: it is a link."
  elif [ -d "$state" ]; then
    at=$(mount_in "$state")
    if [ -n "$at" ]; then
      say "Left $state: a disk is mounted at $at."
    elif [ "$user" = 0 ] && { [ ! -O "$home" ] || [ ! -O "${state%/*}" ]; }; then
      # Root would follow links that the other user puts there meanwhile.
      say "Left $state: it is in another user's folder. Run this as that user."
    # Only what this program has written.
    elif [ -e "$state/machine.json" ] || [ -e "$state/daemon.log" ] || [ -d "$state/hub" ]; then
      purge_folder "$state"
    else
      say "Left $state: it does not look like a state folder of fomular-daemon."
    fi
  fi
  forget -f "$home/.fomular/config.toml" "$home/.fomular/key" "$home/.fomular/key.machine" \
    "$home/.fomular/servers.json" "$prefix/ca.pem"
  if [ -z "$dry_run" ]; then rmdir "$home/.fomular" 2>/dev/null || :; fi
  for profile in .bashrc .bash_profile .profile .zshrc .config/fish/config.fish; do
    if grep -F "$prefix/bin" "$home/$profile" >/dev/null 2>&1; then
      say "Left $home/$profile: the line for PATH in it is yours to take out."
    fi
  done
}

# Other files in it are somebody's own.
purge_folder() {
  for path in "$1"/agents "$1"/hub "$1"/*.json "$1"/ledger.jsonl "$1"/daemon.log* "$1"/daemon.sock "$1"/lock \
    "$1"/compiled-*.bin "$1"/*.damaged-* "$1"/*.tmp; do
    forget -rf "$path"
  done
  if [ -n "$dry_run" ]; then
    say "Would remove $1, if nothing else is in it."
  else
    rmdir "$1" 2>/dev/null || say "Left $1: there is more in it than fomular-daemon has written."
  fi
}

# The first disk, or other folder, that is mounted at a folder or below it.
mount_in() {
  real=$(cd "$1" && pwd -P) || return 0
  if [ -r /proc/self/mountinfo ]; then
    awk '{ gsub(/\\040/, " ", $5); print $5 }' /proc/self/mountinfo
  else
    df -P "$real" | sed -n '2s/.*% *//p'
  fi | while IFS= read -r point; do
    case $point in
      "$real" | "$real"/*)
        printf '%s\n' "$point"
        break
        ;;
    esac
  done
}

main() {
  trap - 0
  set -eu
  umask 022
  defaults
  parse "$@"
  trap cleanup 0
  trap 'exit 129' 1
  trap 'exit 130' 2
  trap 'exit 143' 15
  places
  if [ -n "$uninstall" ]; then
    check_flags
    remove
  else
    install
  fi
}

{ main ${1+"$@"}; }
