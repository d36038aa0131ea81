/**
 * Makes a release: a folder that any web server, or the hub, can serve to `install.sh`, and the packages for npm.
 *
 *     OUT/install.sh               knows where releases are, and the key that signs them
 *     OUT/latest                   the version that is installed unless another is asked for
 *     OUT/apt/, fomular-daemon.asc what makes OUT a repository for apt, and its key
 *     OUT/VERSION/                 executables, npm and Debian packages, manifest.json and its signature, SBOM, changelog
 *
 * Unless `--dry-run` is given, the packages are published. See packaging/README.md.
 */
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { execa } from 'execa'
import { makeRepository, STANZAS } from './apt.ts'
import { changelog } from './changelog.ts'
import { type Deb, hasDpkg, NO_MAINTAINER, packDeb } from './deb.ts'
import { type Executable, makeExecutables, platformsNamed } from './executables.ts'
import { keyLists, releaseKeys } from './keys.ts'
import { commit, factsOf, manifestText, sourceDate, sourceDateText } from './manifest.ts'
import { packExecutable, packProgram } from './npm-packages.ts'
import { aptSigner } from './openpgp.ts'
import { dist, root, version } from './program.ts'
import { signer } from './signature.ts'

const PUBLISH_MS = 10 * 60_000

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    out: { type: 'string', default: join(dist, 'release') },
    'base-url': { type: 'string', default: '' },
    maintainer: { type: 'string', default: NO_MAINTAINER },
    'apt-valid-days': { type: 'string' },
    'dry-run': { type: 'boolean', default: false },
  },
})
const dry = values['dry-run']
const baseUrl = values['base-url'].replace(/\/+$/, '')
const out = resolve(values.out)
const chosen = platformsNamed(positionals)
const pem = process.env.FOMULAR_RELEASE_KEY
const built = commit()
const { maintainer } = values
const validDays = values['apt-valid-days'] === undefined ? undefined : Number(values['apt-valid-days'])

const refuse = (problem: string) => {
  throw new Error(`${problem} Or give --dry-run, which publishes nothing.`)
}
if (!/^(https?:\/\/[\w.:/@[\]-]+)?$/.test(baseUrl)) throw new Error(`--base-url is no address: ${baseUrl}`)
if (!/^[^<>\p{C}]+ <[^<>@\s\p{C}]+@[^<>@\s\p{C}]+>$/u.test(maintainer))
  throw new Error(`--maintainer must be 'NAME <ADDRESS>': ${JSON.stringify(maintainer)}`)
if (validDays !== undefined && !(Number.isInteger(validDays) && validDays >= 1 && validDays <= 3650))
  throw new Error('--apt-valid-days must be a number from 1 to 3650.')
if (!dry && maintainer === NO_MAINTAINER)
  refuse("Give --maintainer 'NAME <ADDRESS>' for the Debian packages.")
if (!dry && (built === 'unknown' || built.endsWith('-modified'))) refuse('Commit everything first.')
if (!dry && !pem) refuse('Give the Ed25519 key that signs releases in FOMULAR_RELEASE_KEY.')
if (!dry && baseUrl === '') refuse('Give --base-url: where OUT will be served.')
const key = pem ? signer(pem) : undefined
// No child needs it.
delete process.env.FOMULAR_RELEASE_KEY
const keys = key ? releaseKeys(key) : []
const date = sourceDateText()
// Built into the program: the public key that checks its updates, and its date.
if (key) Object.assign(process.env, { FOMULAR_RELEASE_KEYS: keys.join(' '), FOMULAR_RELEASE_DATE: date })

execFileSync(process.execPath, [join(root, 'packaging/bundle.ts')], {
  stdio: ['ignore', 'ignore', 'inherit'],
})
mkdirSync(out, { recursive: true })
const work = mkdtempSync(join(out, '.tmp-'))
try {
  const { executables, files } = await makeExecutables(chosen, work)
  if (!dry && executables.length < chosen.length) refuse('Not every executable could be made.')
  const packages: string[] = []
  for (const executable of executables) packages.push(await packExecutable(work, executable, work, key))
  // Last: once the new version can be found, everything that it needs can.
  packages.push(await packProgram(work, key))
  const changes = changelog(version)
  writeFileSync(join(work, 'CHANGELOG.md'), changes)
  const debs = await packDebs(executables, work, changes)
  for (const name of [...debs, ...packages, 'CHANGELOG.md']) files.push(factsOf(work, name))
  const sums = files.map(({ name, sha256 }) => `${sha256}  ${name}\n`).join('')
  writeFileSync(join(work, 'SHA256SUMS'), sums)
  const manifest = manifestText({ version, commit: built, date, files })
  writeFileSync(join(work, 'manifest.json'), manifest)
  for (const { name, text } of keyLists()) writeFileSync(join(work, name), text)
  if (key)
    writeFileSync(
      join(work, 'manifest.json.minisig'),
      key.signature(Buffer.from(manifest), `fomular-daemon ${version} ${built}`),
    )
  chmodSync(work, 0o755)
  rmSync(join(out, version), { recursive: true, force: true })
  renameSync(work, join(out, version))
  put('install.sh', installer())
  put('latest', `${version}\n`)
  if (pem && debs.length > 0) {
    const apt = await aptSigner(pem)
    await makeRepository(out, apt, ...aptDates())
    console.log(`For apt: fomular-daemon.asc, fingerprint ${apt.fingerprint}`)
  }
  console.log(`${join(out, version)}: version ${version}, commit ${built}, ${key ? 'signed' : 'not signed'}`)
  if (key) console.log(`Public key: ${key.publicKey}`)
  if (!dry) await publish(packages)
} finally {
  rmSync(work, { recursive: true, force: true })
}

/** @returns the packages' names */
async function packDebs(executables: Executable[], dir: string, changes: string): Promise<string[]> {
  if (!hasDpkg()) {
    if (!dry) refuse('dpkg-deb, which makes the packages for Debian, is not installed.')
    console.error('Packages for Debian left out: dpkg-deb is not installed.')
    return []
  }
  const debs: Deb[] = []
  for (const executable of executables) {
    const deb = await packDeb(dir, executable, changes, maintainer)
    if (deb) debs.push(deb)
  }
  if (debs.length > 0)
    writeFileSync(join(dir, STANZAS), debs.map(({ name, stanza }) => stanza(`${version}/${name}`)).join('\n'))
  return debs.map(({ name }) => name)
}

/** Returns when the index was made: with its commit, or where it expires, now. */
function aptDates(): [made: Date, expires?: Date] {
  if (validDays === undefined) return [new Date(sourceDate() * 1000)]
  const now = Date.now()
  return [new Date(now), new Date(now + validDays * 86_400_000)]
}

function installer(): string {
  const set = (text: string, name: string, value: string) =>
    text.replace(`${name}=''`, () => `${name}='${value}'`)
  const source = readFileSync(join(root, 'installer/install.sh'), 'utf8')
  return set(set(source, 'DEFAULT_BASE_URL', baseUrl), 'DEFAULT_PUBLIC_KEY', keys.join(' '))
}

function put(name: string, text: string) {
  const temp = join(out, `.${name}.new`)
  writeFileSync(temp, text)
  renameSync(temp, join(out, name))
}

/** A package that is there already is left as it is: a release that was broken off can be made again. */
async function publish(packages: string[]) {
  // Where a package was built can be proven from a CI that npm knows.
  const proof = process.env.GITHUB_ACTIONS === 'true' ? ['--provenance'] : []
  for (const name of packages) {
    const tag = version.includes('-') ? ['--tag', 'next'] : []
    const args = ['publish', join(out, version, name), '--access', 'public', ...proof, ...tag]
    const { exitCode, stderr } = await execa('npm', args, { timeout: PUBLISH_MS, reject: false })
    const there = /previously published|EPUBLISHCONFLICT|cannot publish over/i.test(stderr)
    if (exitCode !== 0 && !there) throw new Error(`${name} was not published: ${stderr}`)
    console.log(there ? `${name} was published before` : `${name} is published`)
  }
}
