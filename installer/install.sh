#!/bin/sh
# Messages show commands in backticks. The reader's shell, not this script, expands a tilde in such a command.
# shellcheck disable=SC2016,SC2088
trap 'echo "error: The download of the installer is incomplete. Run it again." >&2; exit 1' 0
# Installs, upgrades or removes fomular-daemon. Needs no Node.
#
#   curl -fsSL https://…/install.sh | sh
#   curl -fsSL https://…/install.sh | sh -s -- --help
#
# POSIX sh, without `local`. All code is in functions, and only the last line calls one. An incomplete script
# therefore does nothing, and fails. The programs that this script starts do not read from standard input,
# because the script itself may come from there.

usage() {
  cat <<'EOF'
Installs fomular-daemon, which runs coding agents on this machine, as one executable that needs no Node.

  curl -fsSL BASE/install.sh | sh -s -- [FLAGS]

  --version X          version to install (default: the latest, unless it is older than the installed one)
  --prefix DIR         folder to install into (default: ~/.fomular; for root /opt/fomular, with a link in /usr/local/bin)
  --server-url URL     server to connect this machine to
  --key-file FILE      this machine's key for that server
  --token-file FILE    instead of --key-file: token from `fomular-daemon machine add`; also FOMULAR_ENROLL_TOKEN
  --ca-file FILE       certificate authority of the server and of downloads, PEM; the installer keeps a copy
  --allow-insecure     allow a server on another machine without TLS
  --force              enroll with a new key, even if this machine is already enrolled at this server or at another one
  --service WHAT       service manager: systemd, pm2, launchd, none (default: auto if a server is given)
  --no-restart         do not restart a running daemon; it keeps running its present version
  --base-url URL       address of releases (also FOMULAR_INSTALL_BASE_URL; default: releases/ at the hub)
  --public-key KEY     minisign public key for the signatures of releases
  --skip-signature     install without checking the signature
  --dry-run            show the steps without taking them
  --uninstall          remove the installation; keep state and settings
  --purge              with --uninstall: also remove state and settings
  --help

The installer asks no questions. To upgrade, run it again: it restarts a running daemon, and agents keep running.
EOF
}

defaults() {
  # The release process, or the hub that serves this script, fills in these values.
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
  # Programs that this script starts do not need the token.
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
  # Maximum sizes in bytes: of a manifest, and of each short file, such as `latest`, a signature, or a key.
  MANIFEST=1048576
  SMALL=65536
  NO_WAY='Check the network and the address; behind a proxy, set https_proxy. Then run this again.'
  work=''
  made=''
}

say() { printf '%s\n' "$*"; }
note() { printf '%s\n' "$*" >&2; }

# fail PROBLEM [REMEDY [CODE]]: prints an error and exits.
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
      *) usage_error "Unknown flag $flag." ;;
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
    [!0-9]* | *[!0-9A-Za-z.+-]*) usage_error "--version is \"$version\", which is not a version." ;;
  esac
  case $service in
    auto | systemd | systemd-user | pm2 | launchd | none) ;;
    *) usage_error "--service is \"$service\", but must be systemd, pm2, launchd or none." ;;
  esac
  [ -z "$purge" ] || [ -n "$uninstall" ] || usage_error '--purge needs --uninstall.'
  [ -z "$uninstall" ] || return 0
  for file in "$key_file" "$token_file" "$ca_file"; do
    [ -z "$file" ] || [ -r "$file" ] || fail "$file cannot be read." 'Name a readable file.' 2
  done
  if [ -n "$token_file" ]; then token=$(cat "$token_file"); fi
  # The default server is only for users who have a token that this server has issued.
  if [ -n "$token" ] && [ -z "$server_url" ]; then server_url=$DEFAULT_SERVER_URL; fi
  if [ -n "$token$key_file" ] && [ -z "$server_url" ]; then usage_error 'A key or token needs --server-url.'; fi
  if [ -n "$server_url" ] && [ -z "$token$key_file" ]; then
    usage_error '--server-url needs --key-file, --token-file or FOMULAR_ENROLL_TOKEN.'
  fi
  # The user's address is complete: if a proxy serves the hub under a path, only this address contains the
  # path.
  if [ -z "$base_url" ] && [ -n "$server_url" ] && { [ -n "$DEFAULT_SERVER_URL" ] || [ -z "$DEFAULT_BASE_URL" ]; }; then
    base_url=$(web "$server_url")/releases
  fi
  base_url=${base_url:-$DEFAULT_BASE_URL}
  [ -n "$base_url" ] || usage_error 'This copy of the installer has no address of releases: give --base-url.'
  base_url=${base_url%/}
}

# web ADDRESS: prints a server's address for requests, without a trailing slash.
web() {
  case $1 in
    ws:* | wss:*) printf 'http%s' "${1#ws}" ;;
    *) printf '%s' "$1" ;;
  esac | sed 's,/*$,,'
}

# Sets the paths: PREFIX/versions/VERSION/…, PREFIX/current → versions/VERSION, PREFIX/bin/fomular-daemon.
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
  # Lists the files outside of the prefix, and the service manager.
  receipt=$prefix/.installed
  # Folders where shells search for completions, and where man searches for manuals: next to the folders on
  # PATH.
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
      fail 'On Windows, fomular-daemon runs in WSL: agents need features of Unix.' \
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
  # In a shell that runs under translation on Apple silicon, uname reports x86_64.
  if [ "$os" = macos ] && [ "$(sysctl -n sysctl.proc_translated 2>/dev/null || :)" = 1 ]; then arch=arm64; fi
  if [ "$(getconf LONG_BIT 2>/dev/null || echo 64)" = 32 ]; then
    fail 'There is no executable for 32-bit systems such as this one.' 'Install a 64-bit system.'
  fi
  asset=fomular-daemon-$os-$arch
  program=bin/fomular-daemon
  [ "$os" = macos ] || libc
}

# The executable needs glibc 2.28 or newer. On other systems, the distribution's Node runs the program.
libc() {
  obstacle=''
  glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null | sed -n 's/^glibc \([0-9]*\.[0-9]*\).*/\1/p')
  if [ -n "$glibc" ]; then
    if [ "${glibc%%.*}" -lt 2 ] || { [ "${glibc%%.*}" = 2 ] && [ "${glibc#*.}" -lt 28 ]; }; then
      obstacle="This system has glibc $glibc; the executable needs 2.28 or newer."
    fi
  elif ldd --version 2>&1 </dev/null | grep -i musl >/dev/null; then
    obstacle='This system has musl instead of glibc, which the executable needs.'
  fi
  [ -n "$obstacle" ] || return 0
  node=$(node -p process.versions.node 2>/dev/null </dev/null || :)
  major=${node%%.*}
  minor=${node#*.}
  minor=${minor%%.*}
  if [ -z "$node" ] || [ "$major" -lt 18 ] || { [ "$major" = 18 ] && [ "$minor" -lt 19 ]; }; then
    fail "$obstacle" 'Install Node 18.19 or newer (on Alpine: apk add nodejs), and run this again to use it.'
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
    fail 'This machine has neither curl nor wget.' 'Install one of them: apt-get install curl'
  fi
  if has sha256sum; then
    hasher=sha256sum
  elif has shasum; then
    hasher='shasum -a 256'
  elif has openssl; then
    hasher='openssl dgst -sha256 -r'
  else
    fail 'This machine has no program to check a sha256 with.' 'Install coreutils, perl or openssl.'
  fi
  for tool in mktemp sed gzip; do has "$tool" || fail "This machine has no $tool." "Install $tool."; done
}

# check_ground [install]: refuses a place where any user except root and this user could change the program. If
# others can write to the files of an existing installation, only warns, so that the installation can be
# upgraded.
check_ground() {
  trusted=" 0 $user "
  # The user who called sudo can become root anyway.
  if [ "$user" = 0 ]; then trusted="$trusted${SUDO_UID:-0} "; fi
  # In a user namespace, all unmapped users share one id, including the machine's root.
  if [ -r /proc/self/uid_map ] && ! grep '^ *0  *0  *4294967295$' /proc/self/uid_map >/dev/null; then
    trusted="$trusted$(cat /proc/sys/kernel/overflowuid) "
  fi
  for path in "$versions" "$prefix/current" "$entry"; do
    found=$(fault_on owner "$path")
    [ -z "$found" ] || fail "$found belongs to another user, who could change the program." \
      'Run this as that user, or choose another --prefix. If you trust that user, set FOMULAR_STRICT_MODES=false.'
  done
  [ -n "${1:-}" ] || return 0
  for path in "$versions" "$prefix/current" "$entry"; do
    found=$(fault_on mode "$path")
    [ -n "$found" ] || continue
    if [ -L "$prefix/current" ]; then
      note "! Other users can write to $found, and could change the program. Run chmod go-w $found"
      return 0
    fi
    fail "Other users can write to $found, and could change the program." \
      "Run chmod go-w $found, or choose another --prefix. If you trust those users, set FOMULAR_STRICT_MODES=false."
  done
}

# fault_on KIND PATH: prints the file or folder through which another user could change PATH: PATH itself, a
# folder above it, or the target of a link in it. KIND is `owner` (another user owns this file or folder) or
# `mode` (others can write to it).
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

# is_open MODE GROUP LAST: reports whether others can write to a path. In a sticky folder, users can replace
# only their own files.
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

# has_strangers GROUP: reports whether a group may have members besides root and this user.
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
        # On some systems, root's group contains accounts of services. Nobody can log in to these accounts.
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
  # The group is not in /etc/group. It may belong to a container's volume: then no directory service knows it
  # either.
  case " $(id -G) " in
    *" $1 "*) has getent && getent group "$1" >/dev/null 2>&1 ;;
    *) return 0 ;;
  esac
}

# Creates a folder for unfinished files, inside the prefix, so that one rename moves them into place.
begin() {
  if [ -n "$dry_run" ]; then
    work=$(mktemp -d "${TMPDIR:-/tmp}/fomular-install.XXXXXX") || fail "${TMPDIR:-/tmp} cannot be written." 'Set TMPDIR.'
    return 0
  fi
  make_dir "$versions"
  work=$(mktemp -d "$versions/.tmp-XXXXXX") || fail "$versions cannot be written." 'Choose another --prefix, or free some disk space.'
  holder=$(sed -n 's/.*"pid":\([0-9]*\).*/\1/p' "$versions/.lock" 2>/dev/null || :)
  if [ -n "$holder" ] && kill -0 "$holder" 2>/dev/null; then
    fail "The daemon is updating this installation (process $holder)." 'Try again in a minute.'
  fi
}

# Creates a folder and its missing parent folders. The cleanup removes them if the installation fails.
make_dir() {
  [ -d "$1" ] && return 0
  case $1 in
    */*/*) make_dir "${1%/*}" ;;
  esac
  mkdir "$1" || fail "$1 cannot be created." 'Choose a --prefix that this user can write to.'
  made="$1
$made"
}

cleanup() {
  if [ -n "$work" ]; then rm -rf "$work"; fi
  printf '%s' "$made" | while IFS= read -r dir; do rmdir "$dir" 2>/dev/null || :; done
}

# bounded BYTES COMMAND…: runs a program with a limit on the size of the files that it writes, because a
# download may never end. The limit is a little higher than BYTES, because it also applies to the program's
# log file.
bounded() {
  (
    ulimit -f "$(($1 / 512 + 128))" 2>/dev/null || :
    shift
    exec "$@"
  )
}

# fetch URL FILE BYTES [progress]: downloads a URL of at most BYTES bytes into a file, and resumes an earlier
# attempt. Returns 1 if the URL does not exist; exits on any other error.
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
            *) fail "$1 answered with HTTP $status." 'Check the address.' ;;
          esac ;;
        23) no_space "$2" ;;
        # The server cannot resume a download.
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
    fail "$1 is longer than $3 bytes, the limit for this file." 'Check the address. Nothing was installed.'
  fi
}

untrusted() {
  if grep -i -E 'not yet|expired' "$work/$downloader.log" >/dev/null 2>&1; then
    fail "The certificate of $1 is not valid at this machine's time, $(date)." \
      'If the clock is wrong, set it. Otherwise, the certificate must be renewed.'
  fi
  fail "The certificate of $1 is not trusted here." \
    'Install ca-certificates, or give its authority with --ca-file FILE.'
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
  # By default, GNU wget tries twenty times. The wget of busybox has no -t, and some of its versions crash on
  # -T.
  if [ -n "$gnu_wget" ]; then set -- "$@" -T 30 -t 1; fi
  if [ -n "$ca_file" ]; then set -- "$@" "--ca-certificate=$ca_file"; fi
  url=$1
  shift 2
  bounded "$most" wget "$@" "$url" </dev/null 2>"$work/wget.log"
}

# ask URL JSON: posts JSON, and sets `status` to the HTTP status. Leaves `status` empty if no tool on this
# machine can post JSON without exposing it to other users.
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

# Checks the token at the hub before any download. If this script cannot check the token, the program checks
# it later.
check_token() {
  [ -n "$token" ] || return 0
  case $token in
    *[!A-Za-z0-9_-]*) usage_error 'The token is not in the form that the hub shows.' ;;
  esac
  request="\"token\":\"$token\""
  [ -n "$force" ] || add_present_key
  ask "$(web "$server_url")/enroll/check" "{$request}"
  case $status in
    '' | 200 | 404 | 405) ;;
    400 | 401)
      fail "$server_url does not accept this token: it is unknown, expired, or already used." \
        'Get a new line: run `fomular-daemon machine add` where the hub is. Nothing was installed.'
      ;;
    *) fail "$url answered with HTTP $status." 'Check the address, and that the hub is running. Then run this again.' ;;
  esac
}

# A machine that is already enrolled at this hub needs no token. A machine that is enrolled at another hub can
# change hubs only with --force.
add_present_key() {
  present=$(web "$(setting server_url)")
  key=$(setting key_file)
  case $key in
    /*) ;;
    *) key=${config%/*}/$key ;;
  esac
  if [ -z "$present" ] || [ ! -s "$key" ] || [ ! -r "$key" ]; then return 0; fi
  if [ "$(lower "$present")" != "$(lower "$(web "$server_url")")" ]; then
    fail "This machine is already enrolled at $present." 'To move it to the new server, add --force.'
  fi
  request="$request,\"key_sha256\":\"$(printf '%s' "$(cat "$key")" | $hasher | sed 's/[^0-9a-f].*//')\""
}

setting() { sed -n "s/^[[:space:]]*$1[[:space:]]*=[[:space:]]*[\"']\([^\"']*\)[\"'].*/\1/p" "$config" 2>/dev/null | head -n 1; }
lower() { printf '%s' "$1" | tr '[:upper:]' '[:lower:]'; }

no_space() { fail "${1%/*} cannot be written; the disk may be full." 'Free space, or choose another --prefix.'; }

hash_of() { $hasher <"$1" | sed 's/[^0-9a-f].*//'; }

# facts NAME: sets `size` and `sha256` to the values of this file in the manifest.
facts() {
  line=$(sed -n "s/^{\"name\":\"$1\",\"size\":\([0-9]*\),\"sha256\":\"\([0-9a-f]*\)\".*/\1 \2/p" "$work/manifest.json")
  size=${line% *}
  sha256=${line#* }
  [ -n "$line" ]
}

check_file() {
  facts "$2"
  if [ "$(hash_of "$1")" = "$sha256" ]; then return 0; fi
  # If the disk was full, the file is too short.
  if [ "$(wc -c <"$1")" -lt "$size" ]; then no_space "$1"; fi
  fail "$2 does not match the manifest: its sha256 is $(hash_of "$1"), not $sha256." \
    'It was damaged or changed in transit, and nothing was installed. Try again; if this persists, tell the operator of that server.'
}

manifest() {
  named=yes
  if [ "$version" = latest ]; then
    named=''
    fetch "$base_url/latest" "$work/latest" "$SMALL" || fail "There is no release at $base_url." 'Check --base-url.'
    version=$(head -n 1 "$work/latest")
    case $version in
      '' | [!0-9]* | *[!0-9A-Za-z.+-]*) fail "$base_url/latest names no version." 'Check --base-url.' ;;
    esac
  fi
  fetch "$base_url/$version/manifest.json" "$work/manifest.json" "$MANIFEST" ||
    fail "There is no version $version at $base_url." 'Omit --version to install the latest version.'
  check_signature
  case $(head -n 1 "$work/manifest.json") in
    "{\"schema\":1,\"name\":\"@fomular-os/daemon\",\"version\":\"$version\","*) ;;
    *) fail "This installer cannot read the manifest of version $version at $base_url/$version." \
      'Download the installer again, from the server of the releases.' ;;
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
    note '! The signature of the release was not checked: this copy of the installer has no key.'
    return 0
  fi
  if [ -n "$skip_signature" ]; then
    note '! The signature was not checked: --skip-signature was given.'
    return 0
  fi
  fetch "$base_url/$version/manifest.json.minisig" "$work/manifest.json.minisig" "$SMALL" ||
    fail "Version $version is not signed." 'Do not install it. If you know why it is not signed, use --skip-signature.'
  if ! has minisign; then
    case $(openssl version 2>/dev/null </dev/null || :) in
      'OpenSSL '[3-9]*) ;;
      *) fail 'This machine has no program to check the signature of the release with.' \
        'Install minisign or OpenSSL 3; or, if you trust the connection, use --skip-signature.' ;;
    esac
  fi
  keys=$public_key
  is_signed "$work/manifest.json" && return 0
  follow_keys
  is_signed "$work/manifest.json" ||
    fail 'The manifest is not signed with the release key.' \
      'Someone may have tampered with the release. Nothing was installed.'
}

# is_signed FILE: true if one of the keys has signed a file.
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
  # In minisign's formats, the key and the signature follow 10 bytes: two letters and the id of the key.
  {
    printf '\060\052\060\005\006\003\053\145\160\003\041\000'
    printf '%s' "$1" | openssl base64 -d -A | tail -c +11
  } >"$work/key.der"
  sed -n 2p "$2.minisig" | tr -d '\r\n' | openssl base64 -d -A | tail -c +11 >"$work/signature"
  openssl pkeyutl -verify -pubin -keyform DER -inkey "$work/key.der" -rawin -in "$2" \
    -sigfile "$work/signature" >/dev/null 2>&1 </dev/null
}

# Reads the release's key lists in order. A list replaces the keys if one of the present keys has signed it.
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

# Refuses a downgrade that the user did not request: the file `latest` is not signed.
check_direction() {
  [ -z "$named" ] && [ -n "$previous" ] && [ "$previous" != "$version" ] || return 0
  has awk || fail 'This machine has no awk.' 'Install it, or name the version with --version X.'
  if is_older "$version" "$previous"; then
    fail "The latest version at $base_url is $version, which is older than $previous, the installed version." \
      "To downgrade, give --version $version"
  fi
}

# is_older VERSION OTHER: true if a version precedes another.
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

# Warns if the latest release is old.
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
  note "! Version $version, the latest at $base_url, is $age days old ($date): newer versions may be withheld there."
}

# True if this version is completely installed.
is_installed() {
  [ -x "$versions/$version/$program" ] || return 1
  if [ "$program" = dist/index.js ]; then
    "$versions/$version/$program" self-check --state-dir "$versions" 2>/dev/null </dev/null |
      grep -F '"version":"'"$version"'"' | grep -v 'missing, damaged or changed' >/dev/null
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
    fail "Not enough disk space at $prefix: $(megabytes $((size + unpacked))) needed, $(megabytes $((free * 1000))) free." \
      'Free space, or choose another --prefix.'
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
    has tar || fail 'This machine has no tar.' 'Install tar.'
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
    # The updater reads the version from this file. The npm package of this executable contains the same file.
    printf '{"name":"@fomular-os/daemon-%s","version":"%s"}\n' "$npm" "$version" >"$staged/package.json"
  fi
  chmod 755 "$staged/$program"
  rm -f "$work/$file"
  said=$("$staged/$program" --version 2>&1 </dev/null) || :
  if [ "$program" = dist/index.js ]; then
    # The program prints its version even if its other files are missing, so self-check must succeed, too.
    checked=$("$staged/$program" self-check --state-dir "$versions" 2>&1 </dev/null) || said=$checked
  fi
  [ "$said" = "$version" ] || fail "The program does not run here. Its output: $said" \
    'If the disk is mounted noexec, choose another --prefix. Otherwise, report this output to the project.'
}

# relink TARGET LINK: changes the target of a link, atomically if this system can.
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
  # The program is installed now, so the cleanup must keep its folders.
  made=''
  if [ -n "$link" ]; then
    found=$(fault_on owner "${link%/*}")
    if [ -n "$found" ]; then
      note "! $found belongs to another user, so no link was made there. Call $entry."
      link=''
    elif [ -L "$link" ] || [ ! -e "$link" ]; then
      mkdir -p "${link%/*}"
      relink "$entry" "$link"
      remember "link $link"
    else
      note "! $link exists and is not from this installer, so it was kept. Call $entry."
      link=''
    fi
  fi
}

# Installs shell completion, and the manual. These are optional.
furnish() {
  put "$share/bash-completion/completions/fomular-daemon" completion bash
  put "$share/zsh/site-functions/_fomular-daemon" completion zsh
  put "$share/fish/vendor_completions.d/fomular-daemon.fish" completion fish
  put "$manual/man/man1/fomular-daemon.1" man-page
  case $share:$previous:${SHELL:-} in
    /usr/local/share:*) ;;
    *::*/zsh) say "For completion, add fpath=($share/zsh/site-functions \$fpath) before compinit in ~/.zshrc." ;;
  esac
}

# put FILE ARGUMENTS: writes the program's output for these arguments to FILE. Does not replace a file that
# another program created. Does not write to a place that other users can change, because they could put a
# link there.
put() {
  path=$1
  shift
  if [ -e "$path" ] && ! grep -Fx "file $path" "$receipt" >/dev/null 2>&1; then return 0; fi
  found=$(fault_on owner "$path")
  [ -n "$found" ] || found=$(fault_on mode "${path%/*}")
  if [ -n "$found" ]; then
    note "! Other users can change $found, so the file ${path##*/} was not written there."
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

# Removes all versions except this one and the previous one, which stays for a downgrade.
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
    # The given file may be deleted later, or be unreadable for a service's user, so a copy is kept.
    if ! cp "$ca_file" "$prefix/ca.pem.new" || ! chmod 644 "$prefix/ca.pem.new"; then no_space "$prefix/ca.pem"; fi
    mv -f "$prefix/ca.pem.new" "$prefix/ca.pem"
    set -- "$@" --ca-file "$prefix/ca.pem"
  fi
  if [ -n "$allow_insecure" ]; then set -- "$@" --allow-insecure; fi
  if [ -n "$force" ] && [ -n "$token" ]; then set -- "$@" --force; fi
  if [ -n "$token" ]; then
    said=$(printf '%s\n' "$token" | "$entry" "$@" --token-stdin) ||
      fail 'The program is installed, but this machine is not enrolled.' 'Fix the error above, then run this again.'
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
      # No supervisor runs this daemon. If necessary, the daemon restarts itself.
      if has setsid; then
        (setsid "$entry" >/dev/null 2>&1 </dev/null &)
      else
        (nohup "$entry" >/dev/null 2>&1 </dev/null &)
      fi
      tries=0
      until own status >/dev/null 2>&1; do
        tries=$((tries + 1))
        if [ "$tries" -ge 20 ]; then
          fail 'The daemon was started, but is not connected to its server.' 'To find the reason, run fomular-daemon logs and fomular-daemon doctor.'
        fi
        sleep 1
      done
      say 'The daemon is running and connected. It does not start after a reboot: see `fomular-daemon service --help`.'
      mention_policy
      ;;
    *)
      "$entry" service install --manager "$service" </dev/null ||
        fail 'The program is installed, but its service is not.' "Fix the error above, then run: fomular-daemon service install --manager $service"
      remember "service $service"
      ;;
  esac
}

# Mentions the policy after a start without a service; `service install` mentions the policy itself.
mention_policy() {
  case $server_url in *://localhost* | *://127.* | *://\[::1\]*) return 0 ;; esac
  if [ -e /etc/fomular-daemon/policy.toml ] || [ -e "$home/.fomular/policy.toml" ]; then return 0; fi
  # Older versions have no policy.
  if "$entry" policy init --help >/dev/null 2>&1 </dev/null; then
    say 'To limit what the server may do on this machine: fomular-daemon policy init'
  fi
}

# service COMMAND…: runs a command for the service that this installer created. Other services may exist, such
# as a hub's.
service() {
  what=$1
  shift
  "$entry" service "$what" --manager "$used" --name fomular-daemon "$@" </dev/null
}

# own COMMAND…: runs a command for this user's own daemon, even if other daemons run on this machine.
own() { FOMULAR_STATE_DIR=$state "$entry" "$@" </dev/null; }

is_running() {
  if [ -n "$used" ]; then
    service status >/dev/null 2>&1
  else
    own_runs
  fi
}

# Exit code 1 means that the daemon runs, but its server does not answer.
own_runs() { own status >/dev/null 2>&1 || [ $? = 1 ]; }

restart_running() {
  [ -n "$previous" ] && [ "$previous" != "$version" ] && [ -n "$restart" ] || return 0
  is_running || return 0
  if [ -n "$used" ]; then service restart; else own restart; fi ||
    note "! The daemon was not restarted, and keeps running the previous version. Run: fomular-daemon ${used:+service }restart"
}

explain_path() {
  dir=$prefix/bin
  if [ -n "$link" ]; then dir=${link%/*}; fi
  found=$(command -v fomular-daemon 2>/dev/null || :)
  case ":$PATH:" in
    *":$dir:"*)
      if [ "$found" != "$dir/fomular-daemon" ] && [ -n "$found" ]; then
        note "! \`fomular-daemon\` runs another program, $found: remove that, or put $dir before it on PATH."
      fi
      ;;
    *)
      say "$dir is not on PATH. To add it for this shell and new shells, run:"
      add_to_path
      ;;
  esac
}

# Prints the line that adds the folder to PATH, in the current shell and in the files that new
# shells of this kind read.
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
  # A login shell reads only the first of these files that exists. A shell in a terminal window reads a
  # different file.
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
    fail "$entry exists and is not from this installer." 'Move it away, or choose another --prefix.'
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
    say "fomular-daemon $version is already installed in $prefix."
  elif [ -n "$previous" ]; then
    say "fomular-daemon $version is installed in $prefix, replacing $previous."
  else
    say "fomular-daemon $version is installed in $prefix."
  fi
  furnish
  connect
  restart_running
  start
  explain_path
  if [ -z "$server_url$previous" ]; then
    say 'To begin, run `fomular-daemon up`, which runs everything on this machine. `fomular-daemon doctor` checks the setup.'
  fi
}

would() {
  facts "$file"
  if [ -n "$whole" ]; then
    say "Version $version is already in $versions/$version."
  else
    say "Would download $base_url/$version/$file, $(megabytes "$size"), to $versions/$version."
  fi
  say "Would point $prefix/current to versions/$version${previous:+ (now $previous)}, and $entry to the program in it."
  if [ -n "$link" ]; then say "Would link $link to $entry."; fi
  say "Would put completion for bash, zsh and fish into $share, and the manual into $manual/man."
  if [ -n "$token" ]; then say "Would enroll this machine at $server_url."; fi
  if [ -n "$key_file" ]; then say "Would write $server_url and $key_file to the configuration file."; fi
  case $service in
    none) ;;
    background) say 'Would start the daemon in the background: there is no service manager here.' ;;
    *) say "Would install the daemon as a service with $service." ;;
  esac
}

remove() {
  check_ground
  if [ ! -d "$versions" ] && [ ! -L "$entry" ]; then
    say "fomular-daemon is not installed in $prefix."
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
  say 'fomular-daemon is removed.'
  [ -z "$purge" ] || return 0
  [ ! -d "$home/.fomular" ] || say "State and settings remain in $home/.fomular; --uninstall --purge also removes them."
}

forget() {
  how=$1
  shift
  for path in "$@"; do
    if [ ! -e "$path" ] && [ ! -L "$path" ]; then continue; fi
    if [ -n "$dry_run" ]; then say "Would remove $path."; else rm "$how" "$path" || fail "$path cannot be removed."; fi
  done
}

# Stops the daemon and its agents, and removes its services.
stop_all() {
  [ -x "$entry" ] || return 0
  set -- service uninstall --all
  if [ -n "$purge" ]; then set -- "$@" --purge; fi
  if [ -n "$dry_run" ]; then set -- "$@" --dry-run; fi
  # Older versions of the program support only one service, and have no --all.
  if "$entry" service uninstall --help 2>/dev/null </dev/null | grep -e --all >/dev/null; then
    "$entry" "$@" </dev/null || note '! Some services of the program could not be removed.'
  elif [ -n "$used" ] && [ -n "$dry_run" ]; then
    say "Would remove the daemon's service from $used."
  elif [ -n "$used" ]; then
    service uninstall || note "! The daemon's service could not be removed from $used."
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
  [ -n "$home" ] || fail 'HOME is not set, so the state to remove is unknown.' 'Set HOME.'
  if [ -L "$state" ]; then
    say "Left $state: it is a link."
  elif [ -d "$state" ]; then
    at=$(mount_in "$state")
    if [ -n "$at" ]; then
      say "Left $state: a disk is mounted at $at."
    elif [ "$user" = 0 ] && { [ ! -O "$home" ] || [ ! -O "${state%/*}" ]; }; then
      # Root must not delete files in a folder of another user, because that user could create links there, and
      # root would follow them.
      say "Left $state: it is in another user's folder. Run this as that user."
    # Removes the folder only if this program has written it.
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
      say "Left $home/$profile: remove the line for PATH from it yourself."
    fi
  done
}

# Removes only this program's files: others belong to the user.
purge_folder() {
  for path in "$1"/agents "$1"/hub "$1"/*.json "$1"/ledger.jsonl "$1"/daemon.log* "$1"/daemon.sock "$1"/lock \
    "$1"/compiled-*.bin "$1"/*.damaged-* "$1"/*.tmp; do
    forget -rf "$path"
  done
  if [ -n "$dry_run" ]; then
    say "Would remove $1, if it is then empty."
  else
    rmdir "$1" 2>/dev/null || say "Left $1: it contains other files."
  fi
}

# mount_in FOLDER: prints the first mount point at a folder or below it.
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
