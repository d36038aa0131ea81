import { createHash, generateKeyPairSync } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { execa } from 'execa'
import { create } from 'tar'
import { buildChunks, type ProgramFiles } from '../../packaging/chunks.ts'
import { manifestText } from '../../packaging/manifest.ts'
import { type Signer, signer } from '../../packaging/signature.ts'
import { PACKAGE, programFiles } from './registry.ts'
import { type Cleanup, tempDir } from './temp.ts'

export type Files = Record<string, string | Uint8Array>

/**
 * Returns the files of this program's package.
 * @param program files of the program, or its code in one file
 */
export async function packageFiles(version: string, program?: string | ProgramFiles): Promise<Files> {
  const files =
    typeof program === 'string' ? { 'index.js': program } : (program ?? (await programFiles(version)))
  return {
    'package.json': JSON.stringify({ name: PACKAGE, version }),
    'dist/package.json': '{ "type": "commonjs" }\n',
    ...Object.fromEntries(Object.entries(files).map(([path, text]) => [`dist/${path}`, text])),
  }
}

export interface Build {
  version: string
  /** Release keys that are built into the program. */
  keys?: string[]
  /** Release date that is built into the program. */
  date?: string
  /** JavaScript that runs before the program's own code. */
  before?: string
}

/** Returns the files of this program's package, as a release would build them. */
export async function releaseFiles({ version, keys = [], date = '', before = '' }: Build): Promise<Files> {
  const define = {
    FOMULAR_VERSION: JSON.stringify(version),
    FOMULAR_RELEASE_KEYS: JSON.stringify(keys.join(' ')),
    FOMULAR_RELEASE_DATE: JSON.stringify(date),
  }
  const { files } = await buildChunks({ define })
  const entry = files['index.js']!.replace('\n', () => `\n${before}`)
  return packageFiles(version, { ...files, 'index.js': entry })
}

interface Signed {
  version: string
  key: Signer
  name?: string
  date?: string
}

/** Returns these files with a signed manifest. */
export function signed(files: Files, { version, key, name = PACKAGE, date = NOW }: Signed): Files {
  const facts = Object.entries(files).map(([path, content]) => ({
    name: path,
    size: Buffer.byteLength(content),
    sha256: createHash('sha256').update(content).digest('hex'),
  }))
  const text = manifestText({ name, version, commit: 'test', date, files: facts })
  return {
    ...files,
    'manifest.json': text,
    'manifest.json.minisig': key.signature(Buffer.from(text), version),
  }
}

const NOW = new Date().toISOString()

/** Makes a key that signs releases for a test. `pem` is its public part in OpenSSL's format. */
export function releaseKey(): Signer & { pem: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const pem = String(publicKey.export({ type: 'spki', format: 'pem' }))
  return { ...signer(String(privateKey.export({ type: 'pkcs8', format: 'pem' }))), pem }
}

interface Published {
  version: string
  files: Files
  tag?: string
  /** Other fields of the registry's metadata. */
  facts?: object
  dist?: object
}

/** A registry in this process, for a daemon without npm. The test sets the metadata of its packages. */
export class PackageServer {
  readonly url: string
  /** Requested paths. */
  readonly requests: string[] = []
  readonly #versions: Record<string, object> = {}
  readonly #tags: Record<string, string> = {}
  readonly #tarballs = new Map<string, Buffer>()

  private constructor(url: string) {
    this.url = url
  }

  static async open(t: Cleanup): Promise<PackageServer> {
    let self: PackageServer | undefined
    const server = createServer(({ url = '' }, response) => {
      self?.requests.push(url)
      const found = self?.tarball(url) ?? (decodeURIComponent(url) === `/${PACKAGE}` && self?.packument())
      if (!found) response.writeHead(404)
      response.end(found || '{}')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    t.after(() => {
      server.closeAllConnections()
      server.close()
    })
    self = new PackageServer(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    return self
  }

  tarball(path: string) {
    return this.#tarballs.get(path)
  }

  packument() {
    return JSON.stringify({ name: PACKAGE, 'dist-tags': this.#tags, versions: this.#versions })
  }

  /** Publishes a package, or replaces the package of the same version. */
  async publish({ version, files, tag = 'latest', facts = {}, dist = {} }: Published) {
    const tarball = await packed(files)
    const path = `/tarballs/${version}.tgz`
    const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`
    this.#tarballs.set(path, tarball)
    this.#tags[tag] = version
    this.#versions[version] = {
      name: PACKAGE,
      version,
      dist: { integrity, tarball: this.url + path, ...dist },
      ...facts,
    }
  }
}

async function packed(files: Files): Promise<Buffer> {
  const dir = mkdtempSync(join(tmpdir(), 'fomular-pack-'))
  try {
    lay(dir, files)
    const chunks: Buffer[] = []
    const tarball = create({ cwd: dir, prefix: 'package', gzip: true, portable: true }, Object.keys(files))
    for await (const chunk of tarball) chunks.push(chunk)
    return Buffer.concat(chunks)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

function lay(dir: string, files: Files) {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true })
    writeFileSync(join(dir, path), content, { mode: path.endsWith('index.js') ? 0o755 : 0o644 })
  }
}

/** A machine without npm, with this program in the layout of `npm install --global`. */
export class PlainInstallation {
  readonly command: string
  readonly packageDir: string
  readonly state: string
  readonly env: Record<string, string>

  constructor(t: Cleanup, files: Files, env: Record<string, string> = {}) {
    const dir = tempDir(t)
    const prefix = join(dir, 'prefix')
    this.packageDir = join(prefix, 'lib/node_modules', PACKAGE)
    this.command = join(prefix, 'bin/fomular-daemon')
    this.state = join(dir, 'state')
    lay(this.packageDir, files)
    mkdirSync(dirname(this.command))
    symlinkSync(join('../lib/node_modules', PACKAGE, 'dist/index.js'), this.command)
    for (const name of ['home', 'state', 'bin']) mkdirSync(join(dir, name), { mode: 0o700 })
    symlinkSync('/bin/sh', join(dir, 'bin/sh'))
    this.env = { PATH: join(dir, 'bin'), HOME: join(dir, 'home'), FOMULAR_STATE_DIR: this.state, ...env }
  }

  /** Makes a machine with a release, by default 1.0.0. */
  static async ofRelease(t: Cleanup, build: Partial<Build>, env: Record<string, string> = {}) {
    return new PlainInstallation(t, await releaseFiles({ version: '1.0.0', ...build }), env)
  }

  /** Runs the installed command. */
  async run(args: string[], env: Record<string, string> = {}) {
    const { exitCode, stdout, stderr } = await execa(process.execPath, [this.command, ...args], {
      env: { ...this.env, ...env },
      extendEnv: false,
      cwd: this.state,
      reject: false,
      stdin: 'ignore',
    })
    return { code: exitCode, stdout, stderr }
  }

  /** Updates the program while no daemon is running. @returns the new version, or the error of the update */
  async update(version = 'latest', args: string[] = [], env: Record<string, string> = {}) {
    const { stdout, stderr } = await this.run(['update', version, '--json', ...args], env)
    const said = JSON.parse(stdout) as {
      to_version?: string
      error?: { code: string; message: string; remedy?: string }
    }
    return { ...said, stderr }
  }

  async version() {
    return (await this.run(['--version'])).stdout
  }
}
