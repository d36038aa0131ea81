import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { create } from 'tar'
import { factsOf, manifestText } from '../../packaging/manifest.ts'
import type { Signer } from '../../packaging/signature.ts'
import { type Cleanup, tempDir } from './temp.ts'

/** The faults that a release server simulates. */
export interface Faults {
  /** Paths that the server answers with 404. */
  missing?: RegExp
  /** Ends the connection after `bytes` bytes of each answer to a path that matches `path`. */
  cut?: { path: RegExp; bytes: number }
  /** Paths that the server answers with an endless response without a length. */
  endless?: RegExp
  /** Ignores ranges. */
  withoutRanges?: boolean
}

/**
 * A stand-in that the installer cannot distinguish from the real program. It records its arguments and its
 * input in the file `calls` in HOME.
 */
const program = (version: string) => `#!/bin/sh
case $1 in
  --version) echo ${version}; exit ;;
  self-check) [ -z "$BROKEN" ] || { echo no crypto >&2; exit 1; }; echo '{"ok":true,"version":"${version}"}'; exit ;;
  completion | man-page) echo "$* of ${version}"; exit ;;
  service)
    case "$*" in
      *status*) exit 0 ;;
      *--help) echo '--all'; exit ;;
    esac
    ;;
  status) [ -e "$HOME/running" ] || exit 4; exit 0 ;;
esac
env | grep -i token >> "$HOME/leaked"
echo "$* $(cat)" >> "$HOME/calls"
# So that it cannot be compressed to nothing: ${'0123456789abcdef'.repeat(8)}
`

/**
 * Size of an endless answer, in MiB. It is more than an installer may accept, but too little to fill a disk.
 */
const ENDLESS_MIB = 64

/** A loopback server with releases of a tiny program, in the layout that `npm run release` creates. */
export class ReleaseServer {
  readonly dir: string
  readonly url: string
  #faults: Faults = {}
  /** Requested paths, with the offset of the requested range. */
  readonly requests: string[] = []

  private constructor(dir: string, url: string) {
    this.dir = dir
    this.url = url
  }

  static async open(t: Cleanup): Promise<ReleaseServer> {
    const dir = tempDir(t)
    let self: ReleaseServer | undefined
    const server = createServer((request, response) => {
      if (self) self.#answer(request.url ?? '', request.headers.range, response)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    t.after(() => {
      server.closeAllConnections()
      server.close()
    })
    self = new ReleaseServer(dir, `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    return self
  }

  async release(version: string, signer?: Signer, date = new Date().toISOString()) {
    const dir = join(this.dir, version)
    mkdirSync(dir)
    const text = program(version)
    const names: string[] = []
    for (const arch of ['x64', 'arm64'])
      for (const [ending, data] of [
        ['', text],
        ['.gz', gzipSync(text)],
      ] as const) {
        const name = `fomular-daemon-linux-${arch}${ending}`
        writeFileSync(join(dir, name), data)
        names.push(name)
      }
    mkdirSync(join(dir, 'package/dist'), { recursive: true })
    writeFileSync(join(dir, 'package/dist/index.js'), text)
    writeFileSync(join(dir, 'package/package.json'), '{}')
    const bundle = `fomular-os-daemon-${version}.tgz`
    await create({ gzip: true, cwd: dir, file: join(dir, bundle) }, ['package'])
    names.push(bundle)
    const manifest = manifestText({
      version,
      commit: 'test',
      date,
      files: names.map((name) => factsOf(dir, name)),
    })
    writeFileSync(join(dir, 'manifest.json'), manifest)
    if (signer)
      writeFileSync(join(dir, 'manifest.json.minisig'), signer.signature(Buffer.from(manifest), version))
    writeFileSync(join(this.dir, 'latest'), `${version}\n`)
  }

  fail(faults: Faults) {
    this.#faults = faults
  }

  #answer(path: string, range: string | undefined, response: ServerResponse) {
    const { missing, cut, endless, withoutRanges } = this.#faults
    const from = Number(/bytes=(\d+)-/.exec(range ?? '')?.[1] ?? 0)
    this.requests.push(from > 0 ? `${path} from ${from}` : path)
    const file = join(this.dir, path)
    if (missing?.test(path) || !statSync(file, { throwIfNoEntry: false })?.isFile()) {
      response.writeHead(404).end('<html>nothing here</html>')
      return
    }
    const whole = readFileSync(file)
    if (endless?.test(path)) {
      const more = Buffer.concat([Buffer.from('\n'), randomBytes(1024 * 1024)])
      const all = Array.from({ length: ENDLESS_MIB }, () => more)
      Readable.from([whole, ...all]).pipe(response.writeHead(200))
      return
    }
    const partial = from > 0 && !withoutRanges
    const data = partial ? whole.subarray(from) : whole
    const rest = { 'content-range': `bytes ${from}-${whole.length - 1}/${whole.length}` }
    response.writeHead(partial ? 206 : 200, { 'content-length': data.length, ...(partial && rest) })
    if (!cut?.path.test(path) || data.length <= cut.bytes) {
      response.end(data)
      return
    }
    response.write(data.subarray(0, cut.bytes), () => response.socket?.end())
  }
}
