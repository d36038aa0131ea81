/**
 * Makes a release: a folder that any web server or a hub can serve to `install.sh`, and the npm packages.
 *
 * - OUT/install.sh: the installer, with the address of the releases and the key that signs them.
 * - OUT/latest: the version that install.sh installs by default.
 * - OUT/apt/ and OUT/fomular-daemon.asc: the index and the key that make OUT an apt repository.
 * - OUT/VERSION/: executables, npm packages, Debian packages, manifest.json with its signature, SBOM, and changelog.
 *
 * Publishes the packages unless `--dry-run` is given. `--only build`, `--only sign`, and `--only publish`
 * split a release into three steps. Only the second step needs the key. See packaging/README.md.
 */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { execa } from 'execa'
import { makeRepository, STANZAS } from './apt.ts'
import { NO_MAINTAINER } from './deb.ts'
import { platformsNamed } from './executables.ts'
import { keyLists, releaseKeys } from './keys.ts'
import { commit, manifestText, sourceDate, sourceDateText } from './manifest.ts'
import { aptSigner } from './openpgp.ts'
import { makeParts, packParts } from './parts.ts'
import { dist, root, version } from './program.ts'
import { signer } from './signature.ts'

const PUBLISH_MS = 10 * 60_000
const STEPS = ['build', 'sign', 'publish'] as const

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    out: { type: 'string', default: join(dist, 'release') },
    'base-url': { type: 'string', default: '' },
    maintainer: { type: 'string', default: NO_MAINTAINER },
    'apt-valid-days': { type: 'string' },
    'dry-run': { type: 'boolean', default: false },
    only: { type: 'string' },
  },
})
const dry = values['dry-run']
const baseUrl = values['base-url'].replace(/\/+$/, '')
const out = resolve(values.out)
const chosen = platformsNamed(positionals)
const pem = process.env.FOMULAR_RELEASE_KEY
// Keeps the key out of the environment of child processes.
delete process.env.FOMULAR_RELEASE_KEY
const built = commit()
const { maintainer, only } = values
const validDays = values['apt-valid-days'] === undefined ? undefined : Number(values['apt-valid-days'])

const does = (step: (typeof STEPS)[number]) =>
  only === undefined ? !dry || step !== 'publish' : only === step
const refuse = (problem: string) => {
  throw new Error(`${problem} Or use --dry-run, which publishes nothing.`)
}
if (only !== undefined && !STEPS.some((step) => step === only))
  throw new Error(`--only must be one of ${STEPS.join(', ')}.`)
if (!/^(https?:\/\/[\w.:/@[\]-]+)?$/.test(baseUrl))
  throw new Error(`--base-url must be an HTTP address: ${baseUrl}`)
if (!/^[^<>\p{C}]+ <[^<>@\s\p{C}]+@[^<>@\s\p{C}]+>$/u.test(maintainer))
  throw new Error(`--maintainer must be 'NAME <ADDRESS>': ${JSON.stringify(maintainer)}`)
if (validDays !== undefined && !(Number.isInteger(validDays) && validDays >= 1 && validDays <= 3650))
  throw new Error('--apt-valid-days must be a number from 1 to 3650.')
if (!dry && does('build') && maintainer === NO_MAINTAINER)
  refuse("Give --maintainer 'NAME <ADDRESS>' for the Debian packages.")
if (!dry && (built === 'unknown' || built.endsWith('-modified'))) refuse('Commit everything first.')
if (!dry && does('sign') && !pem) refuse('Set FOMULAR_RELEASE_KEY to the Ed25519 key that signs releases.')
if (!dry && does('sign') && baseUrl === '')
  refuse('Give --base-url, the address at which OUT will be served.')
const key = pem && does('sign') ? signer(pem) : undefined
const publicKey = key?.publicKey ?? process.env.FOMULAR_RELEASE_PUBLIC_KEY
if (!dry && does('build') && !publicKey)
  refuse('Set FOMULAR_RELEASE_PUBLIC_KEY to the public part of the release key.')
const keys = publicKey ? releaseKeys({ publicKey }) : []
const date = sourceDateText()
// The build puts the date and the public keys into the program, which verifies updates with these keys.
if (publicKey)
  Object.assign(process.env, { FOMULAR_RELEASE_KEYS: keys.join(' '), FOMULAR_RELEASE_DATE: date })

mkdirSync(out, { recursive: true })
const work = only === undefined ? mkdtempSync(join(out, '.tmp-')) : join(out, 'parts')
try {
  if (does('build')) {
    if (only) rmSync(work, { recursive: true, force: true })
    mkdirSync(work, { recursive: true })
    await makeParts(work, { chosen, maintainer, keys, incomplete: dry ? console.error : refuse })
  }
  if (does('sign')) await sign()
} finally {
  if (only === undefined) rmSync(work, { recursive: true, force: true })
}
if (does('publish')) await publish()

/** Makes a release from the parts. Without a key, the release is unsigned. */
async function sign() {
  const files = await packParts(work, keys, key)
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
  if (pem && existsSync(join(out, version, STANZAS))) {
    const apt = await aptSigner(pem)
    await makeRepository(out, apt, ...aptDates())
    console.log(`For apt: fomular-daemon.asc, fingerprint ${apt.fingerprint}`)
  }
  console.log(`${join(out, version)}: version ${version}, commit ${built}, ${key ? 'signed' : 'not signed'}`)
  if (key) console.log(`Public key: ${key.publicKey}`)
}

/**
 * Returns the date of the apt index: the current date if the index expires, otherwise the date of the commit.
 */
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

/**
 * Publishes the npm packages. Skips packages that are already published, so that an interrupted release can
 * be repeated. Publishes the program's package last, when all other packages are already available.
 */
async function publish() {
  const program = `fomular-os-daemon-${version}.tgz`
  const all = readdirSync(join(out, version)).filter((name) => name.endsWith('.tgz'))
  if (!all.includes(program)) throw new Error(`${join(out, version)} has no ${program}.`)
  const packages = [...all.filter((name) => name !== program), program]
  // npm accepts provenance only from CI services that it supports.
  const proof = process.env.GITHUB_ACTIONS === 'true' ? ['--provenance'] : []
  for (const name of packages) {
    const tag = version.includes('-') ? ['--tag', 'next'] : []
    const args = ['publish', join(out, version, name), '--access', 'public', ...proof, ...tag]
    const { exitCode, stderr } = await execa('npm', args, { timeout: PUBLISH_MS, reject: false })
    const there = /previously published|EPUBLISHCONFLICT|cannot publish over/i.test(stderr)
    if (exitCode !== 0 && !there) throw new Error(`${name} was not published: ${stderr}`)
    console.log(there ? `${name} was already published` : `published ${name}`)
  }
}
