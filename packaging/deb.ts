import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { SCRIPTS } from '../src/cli/completion/scripts.ts'
import type { ServicePlan } from '../src/service/plan.ts'
import { unitText } from '../src/service/unit.ts'
import { baseNode } from './base-node.ts'
import type { Executable } from './executables.ts'
import { factsOf, sourceDate } from './manifest.ts'
import { dist, root, version } from './program.ts'

export const DEB_NAME = 'fomular-daemon'
/** Maintainer of unpublished packages, with an address that cannot exist. */
export const NO_MAINTAINER = 'FomularOS <releases@fomular-daemon.invalid>'
const LIB = 'usr/lib/fomular-daemon'
const DOC = 'usr/share/doc/fomular-daemon'
/** Paths below /usr/share where Debian's shells look for completions. */
const COMPLETIONS = {
  bash: 'bash-completion/completions/fomular-daemon',
  zsh: 'zsh/vendor-completions/_fomular-daemon',
  fish: 'fish/vendor_completions.d/fomular-daemon.fish',
} as const
/** The oldest supported version of systemd, which is in Debian 12. */
const SYSTEMD = 252
export const MAINTAINER_SCRIPTS = ['postinst', 'prerm', 'postrm'] as const
const ARCHITECTURES: Partial<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' }

/** Returns a version in Debian's form: `1.2.0~rc.1`, which sorts before `1.2.0`. */
export function debianVersion(semver: string): string {
  const [plain = '', ...rest] = semver.split('-')
  return rest.length === 0 ? plain : `${plain}~${rest.join('.')}`
}

/** A Debian package, as an entry in the index of an apt repository. */
export interface Deb {
  name: string
  /** Returns the package's stanza for the file Packages. @param path relative to the repository's root */
  stanza(path: string): string
}

/** Reports whether this machine can make Debian packages. */
export function hasDpkg(): boolean {
  try {
    execFileSync('dpkg-deb', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/**
 * Packs a Linux executable as a package for Debian and its derivatives. The same commit gives the same bytes.
 * @param folder folder that has the executable, and to which the package is written
 * @param maintainer in Debian's form: `NAME <ADDRESS>`
 * @returns undefined for a platform that Debian does not support
 */
export async function packDeb(
  folder: string,
  { name: program, os, arch, node }: Executable,
  changes: string,
  maintainer: string,
): Promise<Deb | undefined> {
  const architecture = os === 'linux' ? ARCHITECTURES[arch] : undefined
  if (architecture === undefined) return undefined
  const dir = mkdtempSync(join(tmpdir(), 'fomular-deb-'))
  try {
    put(dir, `${LIB}/fomular-daemon`, { from: join(folder, program), mode: 0o755 })
    put(dir, `${LIB}/installed-by`, { text: 'apt\n' })
    mkdirSync(join(dir, 'usr/bin'), { recursive: true })
    symlinkSync('../lib/fomular-daemon/fomular-daemon', join(dir, 'usr/bin/fomular-daemon'))
    put(dir, 'usr/lib/systemd/system/fomular-daemon.service', { text: unit() })
    put(dir, 'etc/fomular-daemon/config.toml', { from: own('config.toml') })
    put(dir, 'etc/needrestart/conf.d/fomular-daemon.conf', { from: own('needrestart.conf') })
    for (const [shell, path] of Object.entries(COMPLETIONS))
      put(dir, `usr/share/${path}`, { text: SCRIPTS[shell as keyof typeof COMPLETIONS] })
    const manual = gzipSync(readFileSync(join(dist, 'fomular-daemon.1')), { level: 9 })
    put(dir, 'usr/share/man/man1/fomular-daemon.1.gz', { data: manual })
    put(dir, `${DOC}/copyright`, { text: await copyright(node) })
    put(dir, `${DOC}/changelog.gz`, { data: gzipSync(changelog(changes, maintainer), { level: 9 }) })
    const control = controlText(architecture, sizeOf(dir), maintainer)
    put(dir, 'DEBIAN/control', { text: control })
    put(dir, 'DEBIAN/conffiles', {
      text: '/etc/fomular-daemon/config.toml\n/etc/needrestart/conf.d/fomular-daemon.conf\n',
    })
    for (const script of MAINTAINER_SCRIPTS)
      put(dir, `DEBIAN/${script}`, { text: maintainerScript(script), mode: 0o755 })
    for (const path of folders(dir)) chmodSync(path, 0o755)
    const name = `${DEB_NAME}_${version}_${architecture}.deb`
    execFileSync('dpkg-deb', ['--build', '--root-owner-group', '-Zgzip', dir, join(folder, name)], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, SOURCE_DATE_EPOCH: String(sourceDate()) },
    })
    const { size, sha256 } = factsOf(folder, name)
    const stanza = (path: string) => `${control}Filename: ${path}\nSize: ${size}\nSHA256: ${sha256}\n`
    return { name, stanza }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

const own = (name: string) => join(root, 'packaging/deb', name)

/** Returns a script for dpkg with the shared function `made` inserted. */
export function maintainerScript(name: string): string {
  const made = readFileSync(own('made.sh'), 'utf8')
  return readFileSync(own(name), 'utf8').replace('set -e\n', (line) => `${line}\n${made}`)
}

type Content = { from: string } | { text: string } | { data: Uint8Array }

/** Writes a file with exactly this mode, regardless of the umask. @param path relative to `dir` */
function put(dir: string, path: string, { mode = 0o644, ...content }: Content & { mode?: number }) {
  const target = join(dir, path)
  mkdirSync(dirname(target), { recursive: true })
  if ('from' in content) copy(content.from, target)
  else writeFileSync(target, 'text' in content ? content.text : content.data)
  chmodSync(target, mode)
}

/**
 * Files larger than this size, in bytes, are hard-linked instead of copied: the executable alone is 110 MB.
 */
const LARGE_BYTES = 1024 * 1024

function copy(from: string, to: string) {
  try {
    if (lstatSync(from).size > LARGE_BYTES) return linkSync(from, to)
  } catch {
    // The target is on another file system.
  }
  copyFileSync(from, to)
}

const folders = (dir: string): string[] => [
  dir,
  ...readdirSync(dir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => folders(join(dir, name))),
]

/** Returns a folder's size in KiB by dpkg's rules: each file rounded up, 1 KiB for any other entry. */
function sizeOf(dir: string): number {
  return readdirSync(dir, { withFileTypes: true }).reduce((sum, entry) => {
    const path = join(dir, entry.name)
    if (entry.isDirectory()) return sum + 1 + sizeOf(path)
    return sum + (entry.isFile() ? Math.ceil(lstatSync(path).size / 1024) : 1)
  }, 0)
}

const controlText = (architecture: string, size: number, maintainer: string) => `Package: ${DEB_NAME}
Version: ${debianVersion(version)}
Architecture: ${architecture}
Maintainer: ${maintainer}
Installed-Size: ${size}
Depends: libc6 (>= 2.28), libgcc-s1, libstdc++6, passwd
Recommends: ca-certificates
Section: admin
Priority: optional
Description: runs AI coding agents on this machine for a FomularOS server
 Connects to a server, which starts and controls agents (Claude Code) through
 it. Agents keep running when the daemon restarts, updates, or loses its
 connection. Includes the hub, a small server with an HTTP API.
`

/**
 * Returns the unit that `service install` makes for a separate user, except that it does not start without a
 * key.
 */
function unit(): string {
  const home = '/var/lib/fomular-daemon/home'
  const plan: ServicePlan = {
    name: DEB_NAME,
    runs: 'daemon',
    runner: [],
    program: '/usr/bin/fomular-daemon',
    args: [],
    account: { name: DEB_NAME, uid: 999, gid: 999, home, shell: '/bin/bash' },
    path: `${home}/.local/bin:/usr/local/bin:/usr/bin:/bin`,
    ownKey: true,
    environment: {},
    stateDir: '/var/lib/fomular-daemon',
    usualStateDir: true,
    installation: `/${LIB}`,
    stopSeconds: 60,
  }
  return unitText(plan, { version: SYSTEMD, scope: 'system' })
    .replace(
      /^# `fomular-daemon service install`.*$/m,
      () => `# To change settings, run: systemctl edit ${DEB_NAME}`,
    )
    .replace('[Unit]\n', '[Unit]\nConditionPathExists=/etc/fomular-daemon/key\n')
    .replace(/^ReadWritePaths=.*\n/m, '')
    .replace('# Updates are written here.\n', '')
}

const changelog = (
  changes: string,
  maintainer: string,
) => `${DEB_NAME} (${debianVersion(version)}) stable; urgency=medium

${changes
  .replace(/^#.*\n+/, '')
  .replace(/^- /gm, '  * ')
  .trimEnd()}

 -- ${maintainer}  ${new Date(sourceDate() * 1000).toUTCString().replace('GMT', '+0000')}
`

async function copyright(node: Executable['node']): Promise<string> {
  const texts = [
    readFileSync(join(root, 'LICENSE'), 'utf8'),
    readFileSync(join(dist, 'THIRD_PARTY_LICENSES.txt'), 'utf8'),
    `The executable contains Node.js:\n\n${readFileSync(join(await baseNode(node), '../../LICENSE'), 'utf8')}`,
  ]
  return `${texts.map((text) => text.trimEnd()).join(`\n\n${'-'.repeat(80)}\n\n`)}\n`
}
