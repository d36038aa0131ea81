import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after } from 'node:test'
import { execa } from 'execa'
import { create } from 'tar'
import { buildChunks, type ProgramFiles } from '../../packaging/chunks.ts'
import { buildProgram } from '../../packaging/program.ts'
import { reachable } from './nodes.ts'
import { freePort } from './stage.ts'
import { type Cleanup, tempDir } from './temp.ts'
import { testTool } from './tool.ts'
import { until } from './wait.ts'

export const PACKAGE = '@fomular-os/daemon'

export interface ReleaseOptions {
  version: string
  /** The program in one file. By default, the program of this checkout. */
  code?: string
  /** JavaScript that runs before the program's own code. */
  before?: string
  /** Fields that replace fields of package.json. */
  manifest?: Record<string, unknown>
  /** Name and version in the package, if they differ from the requested name and version. */
  delivered?: { name?: string; version?: string }
  tag?: string
  /** A wrong hash that the registry reports for the package. */
  integrity?: string
  unpackedSize?: number
  /** Files besides the program. */
  files?: Files
}

type Files = Record<string, [content: string | Uint8Array, mode: number]>

/** Returns program text that runs `code` when the daemon starts, but not when the version is checked. */
export const onStart = (code: string) =>
  `if (!['--version', 'self-check', 'update-guard'].includes(process.argv[2])) { ${code} }\n`
export const FAULT = {
  crash: onStart(`console.error('boom'); process.exit(1)`),
  hang: onStart('for (;;) {}'),
  /** Greets with a protocol that no server supports. */
  refused: `const plain = JSON.stringify
JSON.stringify = (value, ...rest) => plain(
  value && value.type === 'machine:hello' ? { ...value, protocol: { version: 99, minimum: 99 } } : value, ...rest)
`,
  /** Greets with a protocol that is no longer supported. */
  old: `const plain = JSON.stringify
JSON.stringify = (value, ...rest) => plain(
  value && value.type === 'machine:hello' ? { ...value, protocol: { version: 0, minimum: 0 } } : value, ...rest)
`,
  /** Cannot be parsed. */
  broken: 'this is no JavaScript\n',
} as const

/** A real registry of npm packages on loopback, with only the packages that a test publishes. */
export class TestRegistry {
  readonly url: string
  /** Folder of the registry's packages. */
  readonly storage: string
  readonly #dir: string
  readonly #start: () => Promise<void>
  stop: () => Promise<void> = async () => {}

  private constructor(dir: string, port: number, modules: string) {
    this.#dir = dir
    this.storage = join(dir, 'storage')
    this.url = `http://127.0.0.1:${port}`
    writeFileSync(
      join(dir, 'config.yaml'),
      `storage: ${this.storage}
auth: { htpasswd: { file: ${join(dir, 'htpasswd')} } }
packages: { '**': { access: $all, publish: $all, unpublish: $all } }
max_body_size: 500mb
log: { type: file, path: ${join(dir, 'log')}, level: warn }
`,
    )
    this.#start = async () => {
      const args = ['--config', join(dir, 'config.yaml'), '--listen', `127.0.0.1:${port}`]
      const server = execa(process.execPath, [join(modules, 'verdaccio/bin/verdaccio'), ...args], {
        env: { HOME: dir, PATH: process.env.PATH },
        extendEnv: false,
        reject: false,
        stdio: 'ignore',
      })
      this.stop = async () => {
        server.kill('SIGKILL')
        await server
      }
      await until(
        () =>
          fetch(`${this.url}/-/ping`).then(
            (r) => r.ok,
            () => false,
          ),
        { what: 'the registry' },
      )
    }
  }

  /** Starts one registry for all tests of a file. Call it at the top level. */
  static async shared(): Promise<TestRegistry> {
    const cleanups: (() => void | Promise<void>)[] = []
    after(async () => {
      for (const cleanup of cleanups.reverse()) await cleanup()
    })
    return TestRegistry.open({ after: (cleanup) => void cleanups.push(cleanup) })
  }

  static async open(t: Cleanup): Promise<TestRegistry> {
    const modules = await testTool('verdaccio', '6.10.4')
    const registry = new TestRegistry(tempDir(t), await freePort(), modules)
    t.after(() => registry.stop())
    await registry.start()
    return registry
  }

  start() {
    return this.#start()
  }

  /** Builds this program as another version, and publishes it. */
  async release({
    version,
    code: program,
    before = '',
    manifest = {},
    delivered = {},
    files = {},
    ...publish
  }: ReleaseOptions) {
    const { 'index.js': entry = '', ...chunks } =
      program === undefined ? await programFiles(version) : { 'index.js': program }
    const [shebang, ...code] = entry.split('\n')
    await this.publish({
      name: PACKAGE,
      version,
      delivered,
      ...publish,
      manifest: {
        license: 'MIT',
        type: 'module',
        bin: { 'fomular-daemon': 'dist/index.js' },
        engines: { node: '>=18.19' },
        ...manifest,
      },
      files: {
        'dist/index.js': [`${shebang}\n${before}${code.join('\n')}`, 0o755],
        'dist/package.json': ['{ "type": "commonjs" }\n', 0o644],
        ...Object.fromEntries(Object.entries(chunks).map(([path, text]) => [`dist/${path}`, [text, 0o644]])),
        ...files,
      },
    })
  }

  /**
   * Publishes the package from which an executable updates itself on this system. By default, the package
   * contains the program with a `#!` line for Node, because building a real executable would take a minute.
   */
  async releaseExecutable(
    { version, before = '', tag = 'latest' }: ReleaseOptions,
    program?: string | Uint8Array,
  ) {
    await this.publish({
      name: `${PACKAGE}-${process.platform}-${process.arch}`,
      version,
      tag,
      manifest: { license: 'MIT', os: [process.platform], cpu: [process.arch] },
      files: { 'bin/fomular-daemon': [program ?? (await executable(version, before)), 0o755] },
    })
  }

  async publish({
    name,
    version,
    manifest,
    files,
    delivered = {},
    tag = 'latest',
    integrity,
    unpackedSize,
  }: {
    name: string
    version: string
    manifest: Record<string, unknown>
    files: Files
  } & Pick<ReleaseOptions, 'delivered' | 'tag' | 'integrity' | 'unpackedSize'>) {
    const packed = mkdtempSync(join(this.#dir, 'pack-'))
    const whole = { name, version, ...manifest }
    const all: typeof files = {
      'package.json': [JSON.stringify({ ...whole, ...delivered }), 0o644],
      ...files,
    }
    for (const [path, [content, mode]] of Object.entries(all)) {
      mkdirSync(dirname(join(packed, path)), { recursive: true })
      writeFileSync(join(packed, path), content, { mode })
    }
    const chunks: Buffer[] = []
    const tarball = create({ cwd: packed, prefix: 'package', gzip: true, portable: true }, Object.keys(all))
    for await (const chunk of tarball) chunks.push(chunk)
    const data = Buffer.concat(chunks)
    const file = `${name}-${version}.tgz`
    const dist = {
      integrity: integrity ?? `sha512-${createHash('sha512').update(data).digest('base64')}`,
      shasum: createHash('sha1').update(data).digest('hex'),
      tarball: `${this.url}/${name}/-/${file}`,
      unpackedSize: unpackedSize ?? Object.values(all).reduce((sum, [content]) => sum + content.length, 0),
    }
    const response = await fetch(`${this.url}/${name.replace('/', '%2f')}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        _id: name,
        name,
        'dist-tags': { [tag]: version },
        versions: { [version]: { ...whole, _id: `${name}@${version}`, dist } },
        _attachments: {
          [file]: {
            content_type: 'application/octet-stream',
            data: data.toString('base64'),
            length: data.length,
          },
        },
      }),
    })
    if (!response.ok) throw new Error(`not published: ${response.status} ${await response.text()}`)
  }
}

const builds = new Map<string, Promise<string>>()

let forAll: string | undefined

function nodeForAll(): string {
  if (forAll !== undefined) return forAll
  const dir = mkdtempSync(join(tmpdir(), 'fomular-node-'))
  process.once('exit', () => rmSync(dir, { recursive: true, force: true }))
  chmodSync(dir, 0o755)
  forAll = reachable(process.execPath, dir)
  return forAll
}

/** Returns this program as another version, with a `#!` line for Node. */
export async function executable(version: string, before = '') {
  return `#!${nodeForAll()}\n${before}${await built(version, true)}`
}

/** Returns this program's code as another version, in one file. */
export function built(version: string, forExecutable = false): Promise<string> {
  const key = `${version} ${forExecutable}`
  const known = builds.get(key)
  if (known) return known
  const define = { FOMULAR_VERSION: JSON.stringify(version) }
  const build = buildProgram({ executable: forExecutable }, { define }).then(({ code }) =>
    Buffer.from(code).toString('utf8'),
  )
  builds.set(key, build)
  return build
}

const packages = new Map<string, Promise<ProgramFiles>>()

/** Returns this program's files as another version, by their paths below `dist/`. */
export function programFiles(version: string): Promise<ProgramFiles> {
  const known = packages.get(version)
  if (known) return known
  const build = buildChunks({ define: { FOMULAR_VERSION: JSON.stringify(version) } }).then(
    ({ files }) => files,
  )
  packages.set(version, build)
  return build
}
